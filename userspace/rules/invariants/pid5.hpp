// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid5 {

inline Outcome given(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    if (e.error != 0) {
        return Outcome::nothing;
    }
    Outcome outcome = Outcome::nothing;
    for (const nst_pid_request& one : scene.event.tail<nst_alloc_pid, nst_pid_request>()) {
        const InumLife* ns = scene.ledger.inum(one.pid_namespace);
        if (ns == nullptr || !ns->live() || ns->first_pid != not_told) {
            continue;
        }
        if (one.nr != 1) {
            return report.broken({.task = e.actor, .ns = one.pid_namespace}, {ns->allocated}, [&] {
                return fmt::format(
                    "{} was given while the namespace was empty; its first should be 1",
                    number_name(one.pid_namespace, one.nr));
            });
        }
        outcome = Outcome::holds;
    }
    return outcome;
}

inline constexpr Rule rule = {
    .id = "PID5",
    .statement = "The first number of an empty pid namespace is 1.",
    .kernel =
        "alloc_pid: the cursor starts at 0 and is reset where the first allocation fails; "
        "set_tid may only ask for 1 while there is no reaper",
    .exceptions = "",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_inum_alloc},
    .readers = {reads<nst_alloc_pid, given>()},
};

}  // namespace nstrail::pid5
