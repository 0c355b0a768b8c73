// SPDX-License-Identifier: Apache-2.0
#include "rules/history.hpp"

#include <cstring>

namespace nstrail {

History::History() : ring_(words), index_(places) {}

void History::keep(Place place, const Event& event) {
    const auto bytes = event.bytes();
    const std::size_t length = (bytes.size() + 7) / 8;
    // An event lies in one piece: what would reach over the end begins at the start.
    if (end_ % words + length > words) {
        end_ += words - end_ % words;
    }
    std::memcpy(&ring_[end_ % words], bytes.data(), bytes.size());
    index_[place % places] = {
        .place = place, .at = end_, .bytes = static_cast<std::uint32_t>(bytes.size())};
    end_ += length;
}

std::optional<Event> History::find(Place place) const {
    const Entry& entry = index_[place % places];
    if (entry.place != place || place == not_told || end_ - entry.at > words) {
        return std::nullopt;
    }
    const auto event =
        Event::decode(std::as_bytes(std::span(ring_).subspan(entry.at % words)).first(entry.bytes));
    return event ? std::optional(*event) : std::nullopt;
}

}  // namespace nstrail
