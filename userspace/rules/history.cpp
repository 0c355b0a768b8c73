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
void copy(std::uint64_t* to, std::span<const std::byte> from) {
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
    const auto bytes = event.bytes();
    // Each begins where two words do.
    const auto length = static_cast<std::uint32_t>((bytes.size() + 15) / 16 * 2);
    std::uint32_t at = end_;
    // An event lies in one piece: what would reach over the end begins at the start.
    if (at % words > words - length) [[unlikely]] {
        at += words - at % words;
    }
    index_[place % places] = at;
    end_ = at + length;
    latest_ = place;
    copy(&ring_[at % words], bytes);
}

std::optional<Event> History::find(Place place) const {
    if (place == not_told || place > latest_ || latest_ - place >= places) {
        return std::nullopt;
    }
    const std::uint32_t at = index_[place % places];
    if (end_ - at > words) {
        return std::nullopt;
    }
    // What follows it is no part of it: the event says itself how long it is.
    const auto event =
        Event::decode(std::as_bytes(std::span(ring_.get(), words).subspan(at % words)));
    return event ? std::optional(*event) : std::nullopt;
}

}  // namespace nstrail
