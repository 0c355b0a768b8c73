// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::rel2 {

inline Outcome released(const nst_task_release& e, const Scene& scene, Report& report) {
    if (e.via == NST_release_via_resync) {
        return Outcome::nothing;
    }
    const About about{.task = e.task, .ns = 0};
    if (e.nsproxy != 0) {
        return report.broken(about, {}, [&] {
            return fmt::format(
                "{} was released with an nsproxy; it should be NULL by "
                "then",
                scene.name(e.task));
        });
    }
    const TaskLife* life = scene.ledger.task(e.task.key);
    if (life == nullptr || life->set_told() == not_told) {
        return Outcome::nothing;
    }
    if (life->left == not_told) {
        return report.broken(about, {life->set_told()}, [&] {
            return fmt::format(
                "{} was released and was not seen to leave its namespaces; "
                "it should have done that in its exit",
                scene.name(e.task));
        });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "REL2",
    .statement = "At its release a task has no nsproxy, and has left its namespaces before.",
    .kernel = "do_exit: exit_task_namespaces comes before exit_notify",
    .exceptions = "",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_release_task, NST_HOOK_exit_namespaces},
    .readers = {reads<nst_task_release, released>()},
};

}  // namespace nstrail::rel2
