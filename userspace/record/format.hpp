// SPDX-License-Identifier: Apache-2.0
// How a recording lies on disk. It is CTF 1.8 (Common Trace Format), so that babeltrace2 and Trace
// Compass read it as it is; docs/RECORDING.md tells the whole.
//
//   DIR/boot-<boot id>/            one boot of one host
//     chunk-00000001/metadata      text that describes every byte below (metadata.hpp)
//     chunk-00000001/events        packets, one after another; or events.zst, one frame each
//     open                         where the packets are that are being filled (spool.hpp)
//
// A packet is a PacketHeader, then records: a u64 timestamp, which never decreases, and the wire
// event as it came. A chunk begins with a keyframe: packets of what was known when it began.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nstrail {

inline constexpr std::uint32_t ctf_magic = 0xC1FC1FC1;
inline constexpr std::uint32_t recording_format = 1;
/// No packet is larger.
inline constexpr std::size_t packet_room = std::size_t{256} * 1024;
/// Packets begin at multiples of this, so that after damage the next one is found.
inline constexpr std::size_t packet_grain = 4096;

using Uuid = std::array<std::uint8_t, 16>;

enum class PacketKind : std::uint32_t {
    events = 0,
    keyframe = 1,
    keyframe_end = 2,  ///< the last one of a keyframe, which is complete with it
};

/// Packet header and packet context as CTF calls them. The first nine members are the standard's
/// (sizes in bits), the others are ours. No padding.
struct PacketHeader {
    std::uint32_t magic = ctf_magic;
    Uuid uuid{};  ///< the boot id
    std::uint32_t stream_id = 0;
    std::uint64_t stream_instance_id = 0;
    std::uint64_t timestamp_begin = 0;
    std::uint64_t timestamp_end = 0;
    std::uint64_t content_size = 0;
    std::uint64_t packet_size = 0;
    std::uint64_t packet_seq_num = 0;
    std::uint64_t events_discarded = 0;  ///< up to the end of the packet; never goes back
    std::uint64_t first_event = 0;       ///< how many events of its session come before it
    std::uint64_t hash = 0;              ///< of all but this member, see packet_hash()
    std::uint32_t events = 0;            ///< records in it
    PacketKind kind = PacketKind::events;
    std::uint32_t chunk = 0;    ///< number of its chunk
    std::uint32_t session = 0;  ///< number of the recorder that wrote it, from 1 in each boot
};
static_assert(sizeof(PacketHeader) == 112);

/// Bytes ahead of each wire event: its timestamp.
inline constexpr std::size_t record_prefix = sizeof(std::uint64_t);

/// XXH3 of the content behind the header, seeded with that of the header itself.
/// Precondition: content_size is that of a whole packet at `packet`, which is aligned to 8.
[[nodiscard]] std::uint64_t packet_hash(const PacketHeader& header, const std::byte* packet);

/// What is wrong with a header by itself; empty = nothing. `room` = bytes from its start on.
[[nodiscard]] std::string header_fault(const PacketHeader& header, const Uuid& uuid,
                                       std::uint64_t room);

/// "0a1b2c3d-…" as kernel.random.boot_id has it; nothing if it is none.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);
[[nodiscard]] std::string uuid_text(const Uuid& uuid);

inline constexpr std::string_view boot_prefix = "boot-";
inline constexpr std::string_view chunk_prefix = "chunk-";
inline constexpr std::string_view metadata_name = "metadata";
inline constexpr std::string_view events_name = "events";
inline constexpr std::string_view packed_name = "events.zst";
inline constexpr std::string_view open_name = "open";

[[nodiscard]] std::string chunk_name(std::uint32_t number);
/// The number of a folder of that name; 0 = it is none.
[[nodiscard]] std::uint32_t chunk_number(std::string_view name);

}  // namespace nstrail
