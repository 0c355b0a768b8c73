// SPDX-License-Identifier: Apache-2.0
// The latest events, as they came, so that a finding can show those that prove it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "event/event.hpp"
#include "rules/ledger.hpp"

namespace nstrail {

class History {
public:
    History();

    /// Keeps a copy. Costs no memory beyond what the constructor took.
    void keep(Place place, const Event& event);
    /// Empty if it is not kept any more.
    [[nodiscard]] std::optional<Event> find(Place place) const;

private:
    static constexpr std::size_t words = std::size_t{1} << 17;  // 1 MiB
    static constexpr std::size_t places = std::size_t{1} << 14;
    std::vector<std::uint64_t> ring_;
    std::vector<std::uint64_t> index_;  // by place: where it is, in words that count on for ever
    std::uint64_t end_ = 0;
    Place latest_ = not_told;
};

}  // namespace nstrail
