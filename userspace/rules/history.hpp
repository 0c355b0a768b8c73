// SPDX-License-Identifier: Apache-2.0
// The latest events, as they came, so that a finding can show those that prove it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "event/event.hpp"
#include "rules/ledger.hpp"

namespace nstrail {

class History {
public:
    /// Where the event's bytes have an owner they stay where they are, held; else keeps a copy.
    /// Allocates nothing; the system gives pages when they are first written to.
    void keep(Place place, const Event& event);
    /// Empty if it is not kept any more.
    [[nodiscard]] std::optional<Event> find(Place place) const;

private:
    static constexpr std::uint32_t words = 1U << 17;  // 1 MiB
    static constexpr std::size_t places = std::size_t{1} << 14;
    static constexpr std::size_t owners = 32;
    struct Kept {
        const std::byte* bytes;
        std::uint32_t size;
        std::uint32_t at;  // a copy: where it is; else where one would have been
    };
    struct Held {
        Place first = not_told;  // the first that it was held for
        Owner owner;
    };

    /// Where it is, as end_ counts.
    std::uint32_t copy(std::span<const std::byte> bytes);
    void hold(Place place, const Owner& owner);

    // Read only where they were written.
    std::unique_ptr<std::uint64_t[]> ring_ = std::make_unique_for_overwrite<std::uint64_t[]>(words);
    std::unique_ptr<Kept[]> index_ = std::make_unique_for_overwrite<Kept[]>(places);  // by place
    // In words that count on for ever. What is kept is so near that the lower half of the count is
    // enough.
    std::uint32_t end_ = 0;
    std::array<Held, owners> held_;  // a ring; these two count on for ever
    std::size_t oldest_held_ = 0;
    std::size_t next_held_ = 0;
    const void* latest_owner_ = nullptr;
    Place latest_ = not_told;
};

}  // namespace nstrail
