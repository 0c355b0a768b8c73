// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid1 {

inline Outcome given(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    if (e.error != 0) {
        return Outcome::nothing;
    }
    if (const PidLife* life = scene.ledger.pid(e.pid_key);
        life != nullptr && life->allocated > life->freed) {
        return report.broken({.task = e.actor, .ns = e.pid_namespace}, {life->allocated}, [&] {
            return "a struct pid that has not been freed was allocated again; it should "
                   "have been freed first";
        });
    }
    for (const nst_pid_request& one : scene.event.tail<nst_alloc_pid, nst_pid_request>()) {
        const NumberUser user = scene.ledger.number(one.pid_namespace, one.nr);
        if (user.since != not_told) {
            return report.broken({.task = e.actor, .ns = one.pid_namespace}, {user.since}, [&] {
                return fmt::format(
                    "{} was given to a child of {} while another struct pid has it; it "
                    "should have been free",
                    number_name(one.pid_namespace, one.nr), scene.name(e.actor));
            });
        }
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "PID1",
    .statement = "No two live struct pids share a number in one pid namespace.",
    .kernel = "alloc_pid, free_pid: idr_alloc and idr_remove under pidmap_lock",
    .exceptions =
        "A number lives until free_pid, which may come long after release_task: a "
        "session or process group keeps it.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_free_pid},
    .readers = {reads<nst_alloc_pid, given>()},
};

}  // namespace nstrail::pid1
