// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/sched.h>

#include <fmt/format.h>

#include "model/clone_flags.hpp"
#include "rules/rule.hpp"

namespace nstrail::nsp5 {

/// What is for children becomes the child's own (timens_on_fork), but not with CLONE_VM in every
/// kernel.
inline bool time_is_right(const nst_task_new& e, const NsSet& child, const NsSet& parent) {
    const std::uint32_t time = child[Slot::time];
    return time == parent[Slot::time_for_children] ||
           ((e.clone_flags & CLONE_NEWTIME) != 0 && time == child[Slot::time_for_children]) ||
           ((e.clone_flags & CLONE_VM) != 0 && time == parent[Slot::time]);
}

inline constexpr std::uint64_t any_new = [] {
    std::uint64_t flags = 0;
    for (const Slot slot : all_slots) {
        flags |= clone_flag(slot);
    }
    return flags;
}();

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    const About about{.task = e.task, .ns = e.ns.pid};
    if (e.ns.nsproxy == 0) {
        return Outcome::nothing;
    }
    if (e.ns.pid != e.ns.pid_for_children) {
        return report.broken(about, {}, [&] {
            return fmt::format(
                "tid {} was born in {}, and not in {}, its nsproxy's pid namespace "
                "for children; it should be",
                e.task.tid, ns_name(NST_ns_type_pid, e.ns.pid),
                ns_name(NST_ns_type_pid, e.ns.pid_for_children));
        });
    }
    const bool thread = e.task.tid != e.task.tgid;
    const bool asked = (e.clone_flags & CLONE_THREAD) != 0;
    if (thread != asked || (asked && e.task.tgid != e.actor.tgid)) {
        return report.broken(about, {}, [&] {
            return fmt::format(
                "tid {} was born into group {} by tid {} of group {}, {} CLONE_THREAD; a "
                "thread should share its creator's group, and nobody else one",
                e.task.tid, e.task.tgid, e.actor.tid, e.actor.tgid, asked ? "with" : "without");
        });
    }
    const TaskLife* actor = scene.ledger.task(e.actor.key);
    const TaskRecord* record = scene.world.find_key(e.actor.key);
    if (actor == nullptr || record == nullptr || actor->set_told() == not_told ||
        actor->left != not_told) {
        return Outcome::nothing;
    }
    const NsSet child(e.ns);
    const NsSet& parent = scene.world.set_of(*record);
    // Most are born like this, and need no look at each.
    if (child == parent && (e.clone_flags & any_new) == 0 && time_is_right(e, child, parent)) {
        return Outcome::holds;
    }
    for (const Slot slot : all_slots) {
        // A thread is active where its creator is. For others that is the namespace for children,
        // which was looked at above; a user namespace may have come with other credentials.
        const bool active = slot == Slot::pid && !asked;
        if (child[slot] == 0 || parent[slot] == 0 || active || slot == Slot::user) {
            continue;
        }
        const bool made = (e.clone_flags & clone_flag(slot)) != 0;
        const bool right = slot == Slot::time ? time_is_right(e, child, parent)
                                              : made == (child[slot] != parent[slot]);
        if (!right) {
            return report.broken({.task = e.task, .ns = child[slot]}, {actor->set_told()}, [&] {
                return fmt::format("tid {} was born with {} {}, where {} has {}; it should be {}",
                                   e.task.tid, slot_name(slot), child[slot], scene.name(e.actor),
                                   parent[slot], made ? "new" : "inherited");
            });
        }
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "NSP5",
    .statement =
        "A task is born in the pid namespace that its nsproxy has for children, a thread "
        "in its creator's group, and with every namespace inherited that clone did not "
        "make new.",
    .kernel = "copy_process: alloc_pid, the check of CLONE_THREAD; copy_namespaces",
    .exceptions =
        "The time namespace is the parent's for children, except with CLONE_VM, where "
        "kernels differ.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_switch_namespaces, NST_HOOK_exit_namespaces},
    .readers = {reads<nst_task_new, born>()},
};

}  // namespace nstrail::nsp5
