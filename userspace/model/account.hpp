// SPDX-License-Identifier: Apache-2.0
// What the model has counted. Counters only grow; the same events give the same account.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>

#include "event/event.hpp"

namespace nstrail {

/// Of all kinds, causes or types that one thing was counted by.
template <std::size_t n>
[[nodiscard]] std::uint64_t sum(const std::array<std::uint64_t, n>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

/// How long things took.
struct Durations {
    /// What a bucket holds is at most so long, and longer than the bound before.
    static constexpr std::array<std::uint64_t, 10> bounds_ns{1'000'000,  // a millisecond
                                                             10'000'000,         100'000'000,
                                                             1'000'000'000,  // a second
                                                             10'000'000'000,
                                                             60'000'000'000,  // a minute
                                                             600'000'000'000,
                                                             3'600'000'000'000,   // an hour
                                                             86'400'000'000'000,  // a day
                                                             604'800'000'000'000};
    std::array<std::uint64_t, bounds_ns.size() + 1> counts{};  ///< the last: longer than all bounds
    std::uint64_t sum_ns = 0;

    void add(std::uint64_t ns) {
        const auto bucket = std::ranges::lower_bound(bounds_ns, ns) - bounds_ns.begin();
        counts[static_cast<std::size_t>(bucket)]++;
        sum_ns += ns;
    }
};

struct Account {
    std::array<std::uint64_t, NST_KIND_end> events{};     ///< by kind
    std::array<std::uint64_t, NST_gap_cause_end> gaps{};  ///< by cause
    std::array<std::uint64_t, NST_gap_cause_end> lost{};  ///< events, by cause
    std::uint64_t snapshots = 0;                          ///< rounds completed
    std::uint64_t resyncs = 0;                            ///< of these, made because of a gap

    std::uint64_t tasks_born = 0;
    std::uint64_t tasks_exited = 0;
    std::uint64_t tasks_released = 0;
    std::uint64_t tasks_dropped = 0;  ///< gone without a release seen: it was lost
    std::uint64_t forks_failed = 0;   ///< clean-ups of half-made tasks
    Durations exit_to_release;        ///< of tasks whose exit and release were seen

    std::array<std::uint64_t, NST_ns_type_end> created{};    ///< births seen
    std::array<std::uint64_t, NST_ns_type_end> destroyed{};  ///< deaths seen
    std::array<std::uint64_t, NST_ns_type_end>
        appeared{};  ///< first met after the start, birth not seen
    std::array<std::uint64_t, NST_ns_type_end>
        forgotten{};  ///< nothing refers to them, death not visible
    std::array<Durations, NST_ns_type_end>
        lifetimes{};  ///< of those whose birth and death were seen

    std::array<std::uint64_t, NST_switch_via_end> switches{};  ///< by how they were seen
    /// Of these, references to a namespace that became one to another, by type.
    std::array<std::array<std::uint64_t, NST_ns_type_end>, NST_switch_via_end> moves{};
    std::uint64_t switches_seen_late = 0;  ///< met in a later state, moment not known
    std::uint64_t user_ns_switches = 0;    ///< through credentials

    std::map<std::int32_t, std::uint64_t> alloc_failures;  ///< by errno, positive
    std::uint64_t pid_jumps = 0;  ///< last pids that moved without an explanation
    std::uint64_t set_tid_granted = 0;
    std::uint64_t set_tid_refused = 0;
};

}  // namespace nstrail
