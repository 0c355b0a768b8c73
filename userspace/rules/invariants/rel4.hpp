// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::rel4 {

inline Outcome freed(const nst_task_free& e, const Scene& /*scene*/, Report& report) {
    if (e.pid_key == 0) {
        return Outcome::holds;
    }
    // Whatever was lost, this is read at the end of all.
    return report.broken({.task = e.task, .ns = 0}, {}, [&] {
        return fmt::format(
            "tid {} has a struct pid when its memory ends; it should have "
            "lost that in its release, and its pid namespace with it",
            e.task.tid);
    });
}

/// Anything that tells an active pid namespace of a task that is released.
inline Outcome told(const nst_task_ref& task, std::uint32_t active, const Scene& scene,
                    Report& report) {
    const Released* released = active == 0 ? nullptr : scene.ledger.released(task);
    return released == nullptr ? Outcome::nothing
                               : report.broken({.task = task, .ns = active}, {released->at}, [&] {
                                     return fmt::format(
                                         "tid {} was met in {} after its release; it should have "
                                         "no pid namespace any more",
                                         task.tid, ns_name(NST_ns_type_pid, active));
                                 });
}

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    return told(e.task, e.before.pid != 0 ? e.before.pid : e.after.pid, scene, report);
}

inline Outcome executed(const nst_task_exec& e, const Scene& scene, Report& report) {
    return told(e.task, e.ns.pid, scene, report);
}

inline constexpr Rule rule = {
    .id = "REL4",
    .statement = "After its release a task has no pid namespace: a lookup answers none.",
    .kernel = "__unhash_process clears thread_pid; the struct pid is put through call_rcu",
    .exceptions =
        "A snapshot may meet it: the release is told on entry, before the pid is detached.",
    .hooks = {NST_HOOK_release_task, NST_HOOK_cgroup_release, NST_HOOK_sched_process_free},
    .readers = {reads<nst_task_free, freed>(), reads<nst_ns_switch, switched>(),
                reads<nst_task_exec, executed>()},
};

}  // namespace nstrail::rel4
