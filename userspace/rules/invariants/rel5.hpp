// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::rel5 {

inline Outcome released(const nst_task_release& e, const Scene& scene, Report& report) {
    if (e.task.tid != e.task.tgid || e.via == NST_release_via_resync) {
        return Outcome::nothing;
    }
    const GroupLife* group = scene.ledger.group(e.task.tgid);
    if (group != nullptr) {
        return report.broken({.task = e.task, .ns = 0}, {group->joined}, [&] {
            return fmt::format(
                "{} was released as leader of a group with {} more "
                "threads; it should be the last",
                scene.name(e.task), group->threads);
        });
    }
    return scene.ledger.task(e.task.key) != nullptr ? Outcome::holds : Outcome::nothing;
}

inline constexpr Rule rule = {
    .id = "REL5",
    .statement = "The leader of a thread group is released last of it.",
    .kernel = "delay_group_leader",
    .exceptions =
        "When another thread executes a program it becomes the leader; the old one is "
        "released as a thread.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_release_task, NST_HOOK_cgroup_release,
              NST_HOOK_exchange_tids},
    .readers = {reads<nst_task_release, released>()},
};

}  // namespace nstrail::rel5
