// SPDX-License-Identifier: Apache-2.0
// A packet while it is being filled.
#pragma once

#include <atomic>
#include <cstring>
#include <span>

#include "event/event.hpp"
#include "record/format.hpp"

namespace nstrail {

/// Fills a packet in memory that may outlive the process: after each append() the header says how
/// far it is filled, so that whoever finds it can finish it. One thread.
class PacketBuilder {
public:
    PacketBuilder() = default;
    /// Begins a packet in `room` (packet_room bytes, aligned to 8). `header` tells whose it is.
    void begin(std::span<std::byte> room, PacketHeader header) {
        packet_ = room.data();
        used_ = sizeof(PacketHeader);
        header.content_size = used_ * 8;
        header.packet_size = room.size() * 8;
        header.events = 0;
        std::memcpy(packet_, &header, sizeof(header));
    }
    [[nodiscard]] bool started() const { return packet_ != nullptr; }
    [[nodiscard]] bool empty() const { return used_ <= sizeof(PacketHeader); }
    [[nodiscard]] std::uint64_t bytes() const { return used_; }
    [[nodiscard]] bool fits(const Event& event) const {
        return used_ + record_prefix + event.bytes().size() <= packet_room;
    }

    /// Precondition: started(), fits(event), timestamps do not decrease.
    void append(const Event& event, std::uint64_t timestamp) {
        const auto bytes = event.bytes();
        std::memcpy(packet_ + used_, &timestamp, record_prefix);
        std::memcpy(packet_ + used_ + record_prefix, bytes.data(), bytes.size());
        PacketHeader& header = *reinterpret_cast<PacketHeader*>(packet_);
        if (header.events++ == 0) {
            header.timestamp_begin = timestamp;
        }
        header.timestamp_end = timestamp;
        used_ += record_prefix + bytes.size();
        // Last: a packet that is found holds what its size says.
        std::atomic_ref(header.content_size).store(used_ * 8, std::memory_order_release);
    }

    /// Ends it: the header is whole but for what finish_packet() adds.
    PacketHeader& seal(std::uint64_t events_discarded) {
        PacketHeader& header = *reinterpret_cast<PacketHeader*>(packet_);
        header.events_discarded = events_discarded;
        packet_ = nullptr;
        return header;
    }

private:
    std::byte* packet_ = nullptr;
    std::uint64_t used_ = 0;
};

/// Makes a sealed packet ready for its file: pads it, numbers it, signs it. Returns its bytes.
[[nodiscard]] inline std::span<const std::byte> finish_packet(std::byte* packet,
                                                              std::uint64_t packet_seq_num) {
    PacketHeader& header = *reinterpret_cast<PacketHeader*>(packet);
    const std::uint64_t content = header.content_size / 8;
    const std::uint64_t size = (content + packet_grain - 1) / packet_grain * packet_grain;
    std::memset(packet + content, 0, size - content);
    header.packet_size = size * 8;
    header.packet_seq_num = packet_seq_num;
    header.hash = packet_hash(header, packet);
    return {packet, size};
}

}  // namespace nstrail
