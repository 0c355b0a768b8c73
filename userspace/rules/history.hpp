// SPDX-License-Identifier: Apache-2.0
// The latest events, as they came, so that a finding can show those that prove it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "event/event.hpp"
#include "rules/ledger.hpp"

namespace nstrail {

class History {
public:
    /// Keeps a copy. Allocates nothing; the system gives pages when they are first written to.
    void keep(Place place, const Event& event);
    /// Empty if it is not kept any more.
    [[nodiscard]] std::optional<Event> find(Place place) const;

private:
    static constexpr std::uint32_t words = 1U << 17;  // 1 MiB
    static constexpr std::size_t places = std::size_t{1} << 14;
    // Read only where they were written.
    std::unique_ptr<std::uint64_t[]> ring_ = std::make_unique_for_overwrite<std::uint64_t[]>(words);
    // By place: where it is, in words that count on for ever. What is kept is so near that the
    // lower half of the count is enough.
    std::unique_ptr<std::uint32_t[]> index_ =
        std::make_unique_for_overwrite<std::uint32_t[]>(places);
    std::uint32_t end_ = 0;
    Place latest_ = not_told;
};

}  // namespace nstrail
