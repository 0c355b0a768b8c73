// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::nsp2 {

inline Outcome compare(const nst_task_ref& task, const nst_ns_set& has, std::string_view when,
                       const Scene& scene, Report& report) {
    const TaskLife* life = scene.ledger.task(task.key);
    if (life == nullptr || life->set_told() == not_told || life->left != not_told ||
        has.nsproxy == 0) {
        return Outcome::nothing;
    }
    if (life->nsproxy != has.nsproxy) {
        return report.broken({.task = task, .ns = 0}, {life->set_told()}, [&] {
            return fmt::format(
                "{} has another nsproxy {} than it was last given; nobody "
                "should have changed it",
                scene.name(task), when);
        });
    }
    if (life->set != hash_of(has)) {
        return report.broken({.task = task, .ns = 0}, {life->set_told()}, [&] {
            return fmt::format(
                "{} {} has the nsproxy that it was last given, with other "
                "namespaces in it; an nsproxy should never change",
                scene.name(task), when);
        });
    }
    return Outcome::holds;
}

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    // A syscall's return does not tell what was before.
    return e.via == NST_switch_via_syscall
               ? Outcome::nothing
               : compare(e.task, e.before, "before a switch", scene, report);
}

inline Outcome executed(const nst_task_exec& e, const Scene& scene, Report& report) {
    return compare(e.task, e.ns, "at an exec", scene, report);
}

inline constexpr Rule rule = {
    .id = "NSP2",
    .statement = "What a task leaves is what it was last given.",
    .kernel =
        "switch_task_namespaces is the only writer of task->nsproxy after the birth; an "
        "nsproxy in use is never written",
    .exceptions =
        "What a snapshot taught may be stale and is not held against it. What init_nsproxy holds, "
        "a variable that nobody writes to once the system is up, is read once: a change in it is "
        "not seen.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_switch_namespaces, NST_HOOK_exit_namespaces},
    .readers = {reads<nst_ns_switch, switched>(), reads<nst_task_exec, executed>()},
};

}  // namespace nstrail::nsp2
