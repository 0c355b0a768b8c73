// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid8 {

template <class E>
Outcome alive(std::span<const E> vector, const nst_task_ref& task, std::string_view what,
              const Scene& scene, Report& report) {
    Outcome outcome = Outcome::nothing;
    for (const E& one : vector) {
        const InumLife* ns = scene.ledger.inum(one.pid_namespace);
        if (ns == nullptr || !ns->live()) {
            continue;
        }
        outcome = Outcome::holds;
        if (ns->ended != not_told) {
            return report.broken({.task = task, .ns = one.pid_namespace}, {ns->ended}, [&] {
                return fmt::format(
                    "{} {} after the namespace's init was released; it should be refused "
                    "with ENOMEM from then on",
                    number_name(one.pid_namespace, one.nr), what);
            });
        }
    }
    return outcome;
}

inline Outcome given(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    return e.error != 0 ? Outcome::nothing
                        : alive(scene.event.tail<nst_alloc_pid, nst_pid_request>(), e.actor,
                                "was given", scene, report);
}

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    return alive(scene.event.tail<nst_task_new, nst_pid_nr>(), e.task, "was born", scene, report);
}

inline constexpr Rule rule = {
    .id = "PID8",
    .statement =
        "No number is given and no task born in a pid namespace, or below it, once the "
        "last thread of its init is released.",
    .kernel = "disable_pid_allocation; zap_pid_ns_processes waits for all others",
    .exceptions =
        "Only the release counts: what comes between the init's exit and that is not in "
        "a fixed order with allocations under way.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_task_newtask, NST_HOOK_release_task,
              NST_HOOK_cgroup_release, NST_HOOK_inum_alloc},
    .readers = {reads<nst_alloc_pid, given>(), reads<nst_task_new, born>()},
};

}  // namespace nstrail::pid8
