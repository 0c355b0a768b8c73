// SPDX-License-Identifier: Apache-2.0
// What the model has counted. Counters only grow; the same events give the same account.
#pragma once

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

    std::array<std::uint64_t, NST_ns_type_end> created{};    ///< births seen
    std::array<std::uint64_t, NST_ns_type_end> destroyed{};  ///< deaths seen
    std::array<std::uint64_t, NST_ns_type_end>
        appeared{};  ///< first met after the start, birth not seen
    std::array<std::uint64_t, NST_ns_type_end>
        forgotten{};  ///< nothing refers to them, death not visible

    std::array<std::uint64_t, NST_switch_via_end> switches{};  ///< by how they were seen
    std::uint64_t switches_seen_late = 0;  ///< met in a later state, moment not known
    std::uint64_t user_ns_switches = 0;    ///< through credentials

    std::map<std::int32_t, std::uint64_t> alloc_failures;  ///< by errno, positive
    std::uint64_t pid_jumps = 0;  ///< last pids that moved without an explanation
    std::uint64_t set_tid_granted = 0;
    std::uint64_t set_tid_refused = 0;
};

}  // namespace nstrail
