// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::nsp1 {

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    if (e.actor_key == e.task.key) {
        return Outcome::holds;
    }
    const About about{.task = e.task, .ns = 0};
    if (e.after.nsproxy != 0) {
        return report.broken(about, {}, [&] {
            return fmt::format(
                "{} gave {} another nsproxy; only a task itself should "
                "change its nsproxy",
                scene.name(e.actor_tid), scene.name(e.task));
        });
    }
    if (const TaskLife* life = scene.ledger.task(e.task.key);
        life != nullptr && life->born != not_told) {
        return report.broken(about, {life->born}, [&] {
            return fmt::format(
                "{} took away the nsproxy of {}, which had been born; "
                "only that of a fork that failed should be taken away by "
                "another",
                scene.name(e.actor_tid), scene.name(e.task));
        });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "NSP1",
    .statement =
        "Only a task itself changes its nsproxy; another sets it to NULL only where a "
        "fork failed.",
    .kernel =
        "switch_task_namespaces is called for current; bad_fork_cleanup_namespaces for a "
        "child that was never announced",
    .exceptions =
        "In the clean-up the child may still carry its parent's tid: it is known by its "
        "key alone.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_switch_namespaces, NST_HOOK_exit_namespaces},
    .readers = {reads<nst_ns_switch, switched>()},
};

}  // namespace nstrail::nsp1
