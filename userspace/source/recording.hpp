// SPDX-License-Identifier: Apache-2.0
// Events out of a recording. No privilege is needed, nothing of it is changed, and whatever is in
// it, nothing but an answer or an error comes of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "record/boot_reader.hpp"
#include "record/chunk.hpp"
#include "record/metadata.hpp"
#include "record/read_ahead.hpp"
#include "record/shelf.hpp"
#include "record/spool.hpp"
#include "source/source.hpp"

namespace nstrail {

/// What of a recording could not be read, and what was passed over.
struct RecordingFaults {
    static constexpr std::size_t most_told = 100;
    std::vector<Damage> damage;        ///< the first most_told
    std::uint64_t damaged_places = 0;  ///< all
    std::uint64_t damaged_bytes = 0;
    std::uint64_t unknown_events = 0;  ///< of kinds that only a newer version knows
};

/// What keeps the events of one boot. They come as they were recorded; where packets are missing
/// or damaged a gap says how many events that were, and the next keyframe makes up for it.
class RecordingSource final : public Source {
public:
    /// A directory that `nstrail record` wrote to, or the address of a stream that such were
    /// shipped to (stream_url.hpp). One with several boots is refused with their names, as are
    /// chunks of several boots in one folder.
    [[nodiscard]] static Result<std::unique_ptr<RecordingSource>> open(const std::string& path);
    /// Whether it could be one: a directory, or an address. What else there is would be a stream of
    /// JSON lines.
    [[nodiscard]] static bool looks_like(const std::string& path);

    /// Begins at the latest keyframe that is not after this boottime, or at the start. Only before
    /// the first poll(). Costs a search over the chunks, not a walk through them.
    void start_at(std::uint64_t boot_ns);
    /// Ends before the first event that is recorded after this boottime.
    void end_at(std::uint64_t boot_ns) { until_ = boot_ns; }

    /// Delivers the events of a packet. Fails only where a stream cannot be reached any more; of
    /// what cannot be read else, see faults().
    [[nodiscard]] Result<std::size_t> poll(const EventHandler& handle) override;
    [[nodiscard]] bool ended() const override { return ended_; }

    [[nodiscard]] const RecordingFaults& faults() const { return faults_; }
    /// How much of it has been read, 0 to 1, by what it takes on the disk.
    [[nodiscard]] double part() const;
    /// boottime of the first record.
    [[nodiscard]] std::uint64_t first_ns() const { return first_ns_; }
    /// CLOCK_REALTIME minus CLOCK_BOOTTIME when it was begun.
    [[nodiscard]] std::uint64_t wall_offset_ns() const { return wall_offset_ns_; }
    /// The boottime that the event being delivered was recorded at: never goes back.
    [[nodiscard]] std::uint64_t recorded_ns() const { return recorded_ns_; }

private:
    struct Piece {
        ShelvedChunk chunk;
        std::shared_ptr<const Metadata> metadata;
        bool own = false;            // its records lie as this version's do
        std::uint64_t first_ns = 0;  // of its first packet; 0 = not looked at
        std::uint64_t weight = 1;    // of it in part(): bytes, where these are known
    };
    RecordingSource(ShelvedBoot boot, std::unique_ptr<BootReader> from)
        : boot_(std::move(boot)), from_(std::move(from)) {}
    [[nodiscard]] static Result<std::unique_ptr<RecordingSource>> open(
        ShelvedBoot boot, std::unique_ptr<BootReader> from);
    [[nodiscard]] Result<void> look();
    [[nodiscard]] std::optional<Uuid> uuid_of_boot() const;
    [[nodiscard]] std::uint64_t first_ns_of(Piece& piece);
    [[nodiscard]] bool begins_with_keyframe(Piece& piece);
    [[nodiscard]] bool next_chunk();
    [[nodiscard]] std::size_t take(const Packet& packet, const EventHandler& handle);
    [[nodiscard]] std::size_t deliver(const Packet& packet, bool keyframe,
                                      const EventHandler& handle);
    [[nodiscard]] std::size_t reinterpret(std::span<const std::byte> record,
                                          const Metadata& metadata,
                                          std::optional<EventBuffer>& room,
                                          std::optional<Event>& event);
    [[nodiscard]] std::size_t tell_missing(std::uint64_t lost, std::uint64_t boot_ns,
                                           const EventHandler& handle);
    [[nodiscard]] bool keyframe_is_whole(const Packet& first);
    [[nodiscard]] TellDamage note_damage();

    ShelvedBoot boot_;
    std::unique_ptr<BootReader> from_;
    std::optional<Error> broken_;
    std::vector<Piece> pieces_;
    std::vector<SpooledPacket> spooled_;
    std::size_t at_ = 0;      // of pieces_, then of spooled_
    std::size_t begin_ = 0;   // where it was begun
    std::uint64_t read_ = 0;  // bytes of the piece that is being read
    std::unique_ptr<ReadAhead> reader_;
    std::size_t at_spooled_ = 0;

    std::uint64_t until_ = UINT64_MAX;
    std::uint64_t first_ns_ = 0;
    std::uint64_t wall_offset_ns_ = 0;
    std::uint64_t recorded_ns_ = 0;
    bool ended_ = false;

    // Where the stream stands.
    bool begun_ = false;                    // anything was delivered
    bool wants_keyframe_ = true;            // what came before is not whole
    bool in_keyframe_ = false;              // one is being delivered
    std::uint64_t keyframe_bad_until_ = 0;  // offset in the chunk: not whole, passed over
    bool damaged_ = false;                  // since the last packet
    std::uint32_t session_ = 0;
    std::uint64_t expected_ = 0;     // place of the next event of the session
    std::uint64_t next_packet_ = 0;  // number of the next packet of all sessions
    RecordingFaults faults_;
};

}  // namespace nstrail
