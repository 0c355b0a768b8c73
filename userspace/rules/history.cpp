// SPDX-License-Identifier: Apache-2.0
#include "rules/history.hpp"

#include <cstring>
#include <span>

#ifdef __x86_64__
#include <emmintrin.h>
#endif

namespace nstrail {

namespace {

/// Copies past the caches, where the processor can: of all that is kept next to nothing is ever
/// read, and it would drive out the model, of which every event reads. Whole words; `to` aligned
/// to 16.
void write(std::uint64_t* to, std::span<const std::byte> from) {
#ifdef __x86_64__
    std::size_t at = 0;
#pragma GCC unroll 1  // most are short: to find out where to begin in a longer loop costs more
    for (; at + sizeof(__m128i) <= from.size(); at += sizeof(__m128i), to += 2) {
        const __m128i two = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&from[at]));
        _mm_stream_si128(reinterpret_cast<__m128i*>(to), two);
    }
    if (at < from.size()) {
        long long last = 0;
        std::memcpy(&last, &from[at], sizeof(last));
        _mm_stream_si64(reinterpret_cast<long long*>(to), last);
    }
#else
    std::memcpy(to, from.data(), from.size());
#endif
}

}  // namespace

void History::keep(Place place, const Event& event) {
    std::span<const std::byte> bytes = event.bytes();
    std::uint32_t at = end_;
    if (const Owner* owner = event.owner(); owner == nullptr) {
        at = copy(bytes);
        bytes = std::as_bytes(std::span(&ring_[at % words], bytes.size() / sizeof(ring_[0])));
    } else if (owner->get() != latest_owner_) [[unlikely]] {
        hold(place, *owner);
    }
    index_[place % places] = {
        .bytes = bytes.data(), .size = static_cast<std::uint32_t>(bytes.size()), .at = at};
    latest_ = place;
}

std::uint32_t History::copy(std::span<const std::byte> bytes) {
    // Each begins where two words do.
    const auto length = static_cast<std::uint32_t>((bytes.size() + 15) / 16 * 2);
    std::uint32_t at = end_;
    // An event lies in one piece: what would reach over the end begins at the start.
    if (at % words > words - length) [[unlikely]] {
        at += words - at % words;
    }
    end_ = at + length;
    write(&ring_[at % words], bytes);
    return at;
}

void History::hold(Place place, const Owner& owner) {
    // Let go of what is too far back to be found, and of the oldest where these are too many.
    while (next_held_ - oldest_held_ > 1) {
        const Place after = held_[(oldest_held_ + 1) % owners].first;
        if (place - after < places && next_held_ - oldest_held_ < owners) {
            break;
        }
        held_[oldest_held_++ % owners] = {};
    }
    held_[next_held_++ % owners] = {.first = place, .owner = owner};
    latest_owner_ = owner.get();
}

std::optional<Event> History::find(Place place) const {
    if (place == not_told || place > latest_ || latest_ - place >= places) {
        return std::nullopt;
    }
    if (oldest_held_ != 0 && place < held_[oldest_held_ % owners].first) {
        return std::nullopt;  // an owner was let go of
    }
    const Kept& kept = index_[place % places];
    if (end_ - kept.at > words) {
        return std::nullopt;
    }
    return Event::in({kept.bytes, kept.size});
}

}  // namespace nstrail
