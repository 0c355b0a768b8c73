// SPDX-License-Identifier: Apache-2.0
// What of a recording on disk has not been shipped yet. The recording is the spool: a mark in the
// folder of each boot says up to where its packets are acknowledged, and all else is read again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "record/chunk.hpp"
#include "record/format.hpp"

namespace nstrail {

/// Acknowledged are all chunks before `chunk` and all packets before `next_packet`.
struct ShipMark {
    static constexpr std::uint32_t all_chunks = UINT32_MAX;
    std::uint32_t chunk = 0;
    std::uint64_t next_packet = 0;

    /// Of a boot's folder; nothing where nothing was shipped from there, or nobody can tell.
    [[nodiscard]] static std::optional<ShipMark> read(const std::string& boot_path);
    /// At any moment the file holds this mark or the one before, whatever dies.
    [[nodiscard]] Result<void> write(const std::string& boot_path) const;
};

/// The sealed packets of one boot, in order, while a recorder may be writing more. One thread.
class UnshippedPackets {
public:
    /// From the mark in that folder on, or from the oldest packet that is there.
    UnshippedPackets(std::string boot_path, const Uuid& uuid);

    /// The next one; nothing = there is none yet.
    [[nodiscard]] std::optional<Packet> next();
    /// The next() is to give the latest packet again.
    void put_back(const Packet& packet);
    /// The metadata of the chunk of the latest packet.
    [[nodiscard]] const std::string& metadata() const { return metadata_; }

    /// Of a packet that next() gave: it is acknowledged, and all before it.
    void acknowledge(const PacketHeader& last);
    [[nodiscard]] ShipMark acknowledged() const { return mark_.value_or(ShipMark{}); }
    /// Writes the mark. `whole`: nothing will ever be added to this boot.
    [[nodiscard]] Result<void> keep_mark(bool whole);

    /// Packets that were gone, or damaged, before they were shipped.
    [[nodiscard]] std::uint64_t lost() const { return lost_; }
    /// Bytes on disk of what is not acknowledged, about.
    [[nodiscard]] std::uint64_t waiting_bytes() const;

private:
    [[nodiscard]] bool open_chunk();
    [[nodiscard]] bool later_chunk() const;

    std::string boot_path_;
    Uuid uuid_;
    std::optional<ShipMark> mark_;
    std::string metadata_;
    std::optional<ChunkReader> reader_;
    std::uint32_t wanted_chunk_ = 0;  // this one or a later one
    std::uint64_t at_ = 0;            // in its file
    std::uint64_t next_packet_ = 0;
    bool numbered_ = false;  // next_packet_ is known: what is missing can be counted
    bool complete_ = false;  // a later chunk is there: no more comes to this one
    std::optional<std::uint64_t> doubtful_;  // where something may be half written, or is damaged
    std::uint64_t lost_ = 0;
    bool kept_ = true;  // the mark is in its file
};

}  // namespace nstrail
