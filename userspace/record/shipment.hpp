// SPDX-License-Identifier: Apache-2.0
// How a recording lies in a stream of NATS JetStream; docs/FLEET.md tells the whole.
//
//   nstrail.v1.<cluster>.<host>.<boot>         packets, each as one frame of zstd, in order
//   nstrail.v1.<cluster>.<host>.<boot>.chunk   the metadata of a chunk, ahead of its first packets
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/format.hpp"
#include "record/stream_link.hpp"
#include "record/unshipped.hpp"

namespace nstrail {

/// What can be said of a message without looking into it.
inline constexpr std::string_view chunk_header = "Nstrail-Chunk";
inline constexpr std::string_view first_packet_header = "Nstrail-First-Packet";
inline constexpr std::string_view last_packet_header = "Nstrail-Last-Packet";
inline constexpr std::string_view begin_header = "Nstrail-Begin-Ns";    ///< of the first event
inline constexpr std::string_view end_header = "Nstrail-End-Ns";        ///< of the last one
inline constexpr std::string_view lost_header = "Nstrail-Events-Lost";  ///< since boot
/// Up to where all was acknowledged when it was sent, as in a ShipMark. By that a reader tells what
/// is missing ahead of a message: packets that were never shipped, or messages that the stream has
/// and a server does not give.
inline constexpr std::string_view acknowledged_chunk_header = "Nstrail-Acknowledged-Chunk";
inline constexpr std::string_view acknowledged_packets_header = "Nstrail-Acknowledged-Packets";

/// Whose recording it is. Cluster and host are as people write them.
struct ShipName {
    std::string cluster;
    std::string host;
    Uuid boot{};

    [[nodiscard]] std::string packets_subject() const;
    [[nodiscard]] std::string chunks_subject() const;
    /// Of either of the two, as they are written above.
    [[nodiscard]] static std::optional<ShipName> parse(std::string_view subject);
};

/// The subjects of chunks of that host and boot, with what is empty standing for any.
[[nodiscard]] std::string chunks_filter(const std::string& host, const std::string& boot);

/// Begins a message of packets, the first ones behind `acknowledged`.
[[nodiscard]] StreamMessage begin_shipment(const ShipName& name, const ShipMark& acknowledged);
/// Adds the next packet, which is of the same chunk.
void add_packet(StreamMessage& message, const PacketHeader& header,
                std::span<const std::byte> frame);
/// Numbers it: no more is added.
void end_shipment(StreamMessage& message, const ShipName& name);
/// The head of the chunk whose packets `shipment` holds, to be sent ahead of it: its metadata,
/// packed.
[[nodiscard]] StreamMessage chunk_head(const ShipName& name, const StreamMessage& shipment,
                                       std::span<const std::byte> frame);

}  // namespace nstrail
