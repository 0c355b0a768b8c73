// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::nsp4 {

inline Outcome compare(const nst_task_ref& task, std::uint32_t active, const Scene& scene,
                       Report& report) {
    const TaskLife* life = scene.ledger.task(task.key);
    const PidLife* pid =
        life == nullptr || life->pid_key == 0 ? nullptr : scene.ledger.pid(life->pid_key);
    if (active == 0 || pid == nullptr || pid->allocated < pid->freed) {
        return Outcome::nothing;
    }
    if (pid->innermost != active) {
        return report.broken({.task = task, .ns = active}, {life->born, in_model}, [&] {
            return fmt::format(
                "{} is active in {} and was born in {}; that should never "
                "change while it lives",
                scene.name(task), ns_name(NST_ns_type_pid, active),
                ns_name(NST_ns_type_pid, pid->innermost));
        });
    }
    return Outcome::holds;
}

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    const std::uint32_t before = e.before.pid;
    const std::uint32_t after = e.after.pid;
    if (before != 0 && after != 0 && before != after) {
        return report.broken({.task = e.task, .ns = after}, {}, [&] {
            return fmt::format(
                "a switch moved {} from {} to {}; unshare and setns "
                "should change the pid namespace of its children only",
                scene.name(e.task), ns_name(NST_ns_type_pid, before),
                ns_name(NST_ns_type_pid, after));
        });
    }
    return compare(e.task, before != 0 ? before : after, scene, report);
}

inline Outcome executed(const nst_task_exec& e, const Scene& scene, Report& report) {
    return compare(e.task, e.ns.pid, scene, report);
}

inline Outcome exited(const nst_task_exit& e, const Scene& scene, Report& report) {
    return compare(e.task, e.ns.pid, scene, report);
}

inline constexpr Rule rule = {
    .id = "NSP4",
    .statement =
        "A task's active pid namespace never changes while it lives; unshare and setns "
        "change only that of its children.",
    .kernel =
        "thread_pid is set once, and exchanged only within a thread group; pidns_install, "
        "create_new_namespaces write pid_ns_for_children",
    .exceptions = "",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_alloc_pid, NST_HOOK_switch_namespaces},
    .readers = {reads<nst_ns_switch, switched>(), reads<nst_task_exec, executed>(),
                reads<nst_task_exit, exited>()},
};

}  // namespace nstrail::nsp4
