// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid3 {

inline Outcome freed(const nst_free_pid& e, const Scene& scene, Report& report) {
    const PidLife* life = scene.ledger.pid(e.pid_key);
    if (life == nullptr) {
        return Outcome::nothing;
    }
    const auto vector = scene.event.tail<nst_free_pid, nst_pid_nr>();
    const About about{.task = {}, .ns = vector.empty() ? 0 : vector.back().pid_namespace};
    const auto what = [&] {
        return vector.empty() ? "a struct pid"
                              : number_name(vector.back().pid_namespace, vector.back().nr);
    };
    const bool same = hash_of(vector) == life->vector;
    if (life->freed > life->allocated) {
        if (!same) {
            return Outcome::nothing;  // another one in its memory, whose alloc_pid is failing
        }
        return report.broken(about, {life->allocated, life->freed}, [&] {
            return fmt::format("{} was freed twice; a struct pid should be freed once", what());
        });
    }
    if (!same) {
        return report.broken(about, {life->allocated}, [&] {
            return fmt::format(
                "a struct pid freed {}, which it was not given; it should "
                "free the numbers that it has",
                what());
        });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "PID3",
    .statement = "A struct pid is freed at most once, with the numbers that it was given.",
    .kernel = "__change_pid: free_pid when its last user of any type goes",
    .exceptions =
        "One that was allocated before the trace began, and is held by a session or process group "
        "alone, is freed without having been known; so is one that alloc_pid itself gives up "
        "(where pidfs fails), whose numbers nobody was told.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_free_pid},
    .readers = {reads<nst_free_pid, freed>()},
};

}  // namespace nstrail::pid3
