// SPDX-License-Identifier: Apache-2.0
// Inputs that are recipes for a recording: what its packets hold, and what is done to them. Written
// as they are, packets would be 4 KiB each and no fuzzer would guess their hashes.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "event/event.hpp"
#include "record/format.hpp"
#include "record/metadata.hpp"

namespace nstrail::fuzz {

/// The first bytes of a recipe.
struct Setup {
    enum Mode : std::uint8_t {
        packed = 1,    ///< compressed chunks
        spool = 2,     ///< the packets are those that a recorder was filling
        foreign = 4,   ///< written by another version: `layout` is that of `kind`
        start_at = 8,  ///< read from `from_ns` on
        end_at = 16,   ///< and up to `until_ns`
    };
    std::uint8_t mode = 0;
    std::uint8_t kind = 0;
    std::uint8_t fixed_words = 0;
    std::uint8_t element_words = 0;
    std::uint32_t count_at = 0;
    std::uint64_t from_ns = 0;
    std::uint64_t until_ns = 0;

    [[nodiscard]] bool is(Mode one) const { return (mode & one) != 0; }
    [[nodiscard]] KindLayout layout() const;
};
static_assert(sizeof(Setup) == 24);

enum class What : std::uint8_t {
    packet,   ///< of `length` bytes of records: a timestamp and an event each
    bytes,    ///< these, whatever they are
    chunk,    ///< what follows is in the next chunk
    damaged,  ///< a packet in which `damage` is changed once it is sealed
    end
};

/// Then come these, each with its bytes behind it. What is 0 is as a recorder would have it.
struct Step {
    What what = What::packet;
    std::uint8_t kind = 0;     ///< PacketKind; one more than there are
    std::uint8_t session = 0;  ///< 0 and 1 are the first
    std::uint8_t damage = 0;   ///< what is changed in the byte
    std::int16_t first = 0;    ///< added to PacketHeader::first_event
    std::int16_t events = 0;   ///< added to PacketHeader::events
    std::uint32_t damage_at = 0;
    std::uint32_t length = 0;  ///< of its bytes, rounded up to 8
};
static_assert(sizeof(Step) == 16);

struct Piece {
    Step step;
    std::vector<std::uint64_t> words;  ///< its bytes

    [[nodiscard]] std::span<const std::byte> bytes() const {
        return std::as_bytes(std::span(words));
    }
};

struct Recipe {
    Setup setup;
    std::vector<Piece> pieces;
};

/// Any bytes are one.
[[nodiscard]] Recipe recipe_of(std::span<const std::byte> bytes);
[[nodiscard]] std::string bytes_of(const Recipe& recipe);

/// Calls tell(timestamp, event) with each record, up to the first that is none.
template <class F>
void each_record(std::span<const std::byte> bytes, F&& tell) {
    while (bytes.size() > record_prefix) {
        const auto event = Event::decode(bytes.subspan(record_prefix));
        if (!event) {
            return;
        }
        std::uint64_t timestamp = 0;
        std::memcpy(&timestamp, bytes.data(), sizeof(timestamp));
        tell(timestamp, *event);
        bytes = bytes.subspan(record_prefix + event->bytes().size());
    }
}

}  // namespace nstrail::fuzz
