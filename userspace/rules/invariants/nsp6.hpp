// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::nsp6 {

inline Outcome compare(const nst_task_ref& task, const nst_ns_set& set, const Scene& scene,
                       Report& report) {
    if (set.pid == 0 || set.pid_for_children == 0) {
        return Outcome::nothing;
    }
    const auto within = is_within(scene.world, set.pid_for_children, set.pid);
    if (!within) {
        return Outcome::nothing;
    }
    if (!*within) {
        const InumLife* life = scene.ledger.inum(set.pid_for_children);
        return report.broken({.task = task, .ns = set.pid_for_children},
                             {life != nullptr ? life->allocated : not_told, in_model}, [&] {
                                 return fmt::format(
                                     "{} is active in {} and has {} for its children; that "
                                     "should be the same or below it",
                                     scene.name(task), ns_name(NST_ns_type_pid, set.pid),
                                     ns_name(NST_ns_type_pid, set.pid_for_children));
                             });
    }
    return Outcome::holds;
}

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    return compare(e.task, e.after, scene, report);
}

inline Outcome executed(const nst_task_exec& e, const Scene& scene, Report& report) {
    return compare(e.task, e.ns, scene, report);
}

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    return compare(e.task, e.ns, scene, report);
}

inline constexpr Rule rule = {
    .id = "NSP6",
    .statement = "The pid namespace for children is the active one or below it.",
    .kernel = "pidns_install, copy_pid_ns",
    .exceptions = "It may be dead, or empty.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_switch_namespaces, NST_HOOK_inum_alloc,
              NST_HOOK_inum_free},
    .readers = {reads<nst_ns_switch, switched>(), reads<nst_task_exec, executed>(),
                reads<nst_task_new, born>()},
};

}  // namespace nstrail::nsp6
