// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::ns2 {

inline Outcome freed(const nst_inum_free& e, const Scene& scene, Report& report) {
    const InumLife* life = scene.ledger.inum(e.inum);
    // Of one from before the trace its tasks are only known by a snapshot.
    if (e.point != NST_hook_point_entry || life == nullptr || !life->live()) {
        return Outcome::nothing;
    }
    const About about{.task = {}, .ns = e.inum};
    const NsRecord* ns = scene.world.find_namespace(e.inum);
    if (ns != nullptr && ns->task_sets + ns->child_sets != 0) {
        const Population all = scene.world.population(e.inum);
        return report.broken(about, {life->allocated}, [&] {
            return fmt::format("{} died while {} tasks refer to it; none should",
                               ns_name(ns->type, e.inum), std::max(all.tasks, all.next_children));
        });
    }
    if (life->numbers != 0) {
        return report.broken(about, {life->allocated, life->first_pid}, [&] {
            return fmt::format(
                "{} died while {} numbers were in use in it; all should "
                "be freed first",
                ns_name(NST_ns_type_pid, e.inum), life->numbers);
        });
    }
    return ns != nullptr ? Outcome::holds : Outcome::nothing;
}

inline constexpr Rule rule = {
    .id = "NS2",
    .statement =
        "When a namespace dies no living task refers to it, and no number of a pid "
        "namespace is in use.",
    .kernel = "every nsproxy, struct pid and cred holds a reference",
    .exceptions = "Files, mounts, sockets and children only delay a death.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_switch_namespaces, NST_HOOK_exit_namespaces,
              NST_HOOK_release_task, NST_HOOK_cgroup_release, NST_HOOK_commit_creds,
              NST_HOOK_inum_alloc, NST_HOOK_inum_free},
    .readers = {reads<nst_inum_free, freed>()},
};

}  // namespace nstrail::ns2
