// SPDX-License-Identifier: Apache-2.0
#include "rules/history.hpp"

#include <cstring>

namespace nstrail {

void History::keep(Place place, const Event& event) {
    const auto bytes = event.bytes();
    const std::size_t length = (bytes.size() + 7) / 8;
    std::uint64_t at = end_;
    // An event lies in one piece: what would reach over the end begins at the start.
    if (at % words > words - length) [[unlikely]] {
        at += words - at % words;
    }
    index_[place % places] = at;
    end_ = at + length;
    latest_ = place;
    std::memcpy(&ring_[at % words], bytes.data(), bytes.size());
}

std::optional<Event> History::find(Place place) const {
    if (place == not_told || place > latest_ || latest_ - place >= places) {
        return std::nullopt;
    }
    const std::uint64_t at = index_[place % places];
    if (end_ - at > words) {
        return std::nullopt;
    }
    // What follows it is no part of it: the event says itself how long it is.
    const auto event =
        Event::decode(std::as_bytes(std::span(ring_.get(), words).subspan(at % words)));
    return event ? std::optional(*event) : std::nullopt;
}

}  // namespace nstrail
