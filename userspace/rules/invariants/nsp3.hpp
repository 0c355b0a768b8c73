// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::nsp3 {

/// What current does after it has left its namespaces.
inline Outcome acts(const nst_task_ref& task, std::string_view what, const Scene& scene,
                    Report& report) {
    const TaskLife* life = scene.ledger.task(task.key);
    const Released* released = life != nullptr ? nullptr : scene.ledger.released(task);
    const Place left = life != nullptr ? life->left : released != nullptr ? released->at : not_told;
    if (left != not_told) {
        return report.broken({.task = task, .ns = 0}, {left}, [&] {
            return fmt::format(
                "{} {} after its nsproxy had become NULL; it should have "
                "no part in namespaces any more",
                scene.name(task), what);
        });
    }
    return life != nullptr ? Outcome::holds : Outcome::nothing;
}

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    const bool told_before = e.via != NST_switch_via_syscall;
    if (told_before && e.before.nsproxy == 0 && e.after.nsproxy != 0) {
        return report.broken({.task = e.task, .ns = 0}, {}, [&] {
            return fmt::format(
                "the nsproxy of {} was NULL and became another; NULL "
                "should be its last",
                scene.name(e.task));
        });
    }
    // exit_task_namespaces enters switch_task_namespaces: where the task moves to another CPU in
    // between, both tell it.
    const TaskLife* life = scene.ledger.task(e.task.key);
    if (e.after.nsproxy == 0 && e.via == NST_switch_via_switched && life != nullptr &&
        life->left != not_told && life->nsproxy == 0) {
        return Outcome::nothing;
    }
    return acts(e.task, e.after.nsproxy != 0 ? "got an nsproxy" : "left its namespaces again",
                scene, report);
}

inline Outcome allocated(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    return acts(e.actor, "allocated a struct pid", scene, report);
}

inline Outcome gave_birth(const nst_task_new& e, const Scene& scene, Report& report) {
    return acts(e.actor, "gave birth to a task", scene, report);
}

inline Outcome exchanged(const nst_exchange_tids& e, const Scene& scene, Report& report) {
    return acts(e.task, "took its leader's tid", scene, report);
}

inline Outcome executed(const nst_task_exec& e, const Scene& scene, Report& report) {
    return acts(e.task, "executed a program", scene, report);
}

inline constexpr Rule rule = {
    .id = "NSP3",
    .statement =
        "A task leaves its namespaces once, and after that it has no part in any: NULL is "
        "its last nsproxy.",
    .kernel = "do_exit: nothing after exit_task_namespaces forks, executes or switches",
    .exceptions =
        "A task that reaped itself runs on, and interrupts borrow it: only these kinds "
        "of events count. One leaving may be told by both of its functions.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_alloc_pid, NST_HOOK_switch_namespaces,
              NST_HOOK_exit_namespaces},
    .readers = {reads<nst_ns_switch, switched>(), reads<nst_alloc_pid, allocated>(),
                reads<nst_task_new, gave_birth>(), reads<nst_exchange_tids, exchanged>(),
                reads<nst_task_exec, executed>()},
};

}  // namespace nstrail::nsp3
