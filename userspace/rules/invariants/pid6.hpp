// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid6 {

inline Outcome given(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    if (e.error != 0 || e.set_tid_size == 0) {
        return Outcome::nothing;
    }
    const auto vector = scene.event.tail<nst_alloc_pid, nst_pid_request>();
    const std::size_t any = vector.size() - std::min<std::size_t>(e.set_tid_size, vector.size());
    for (std::size_t level = 0; level < vector.size(); level++) {
        const nst_pid_request& one = vector[level];
        const std::uint32_t wanted = level < any ? 0 : one.asked;
        if (one.asked != wanted || (level >= any && one.nr != one.asked)) {
            return report.broken({.task = e.actor, .ns = one.pid_namespace}, {}, [&] {
                return fmt::format(
                    "{} was given where clone3 asked for {}; it should be "
                    "what was asked for",
                    number_name(one.pid_namespace, one.nr),
                    one.asked == 0 ? "any" : fmt::format("{}", one.asked));
            });
        }
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "PID6",
    .statement =
        "A granted set_tid gives exactly the numbers asked for, in the innermost "
        "namespaces.",
    .kernel = "alloc_pid: idr_alloc(tid, tid + 1)",
    .exceptions =
        "The last pid of the namespace does not move: after {9}, a plain clone may get "
        "2.",
    .hooks = {NST_HOOK_alloc_pid},
    .readers = {reads<nst_alloc_pid, given>()},
};

}  // namespace nstrail::pid6
