// SPDX-License-Identifier: Apache-2.0
#include "rules/catalogue.hpp"

#include <algorithm>
#include <array>

namespace nstrail {

std::span<const RuleInfo> rule_catalogue() {
    constexpr auto alloc = NST_HOOK_alloc_pid;
    constexpr auto free = NST_HOOK_free_pid;
    constexpr auto release = NST_HOOK_release_task;
    constexpr auto loop = NST_HOOK_cgroup_release;
    constexpr auto change = NST_HOOK_switch_namespaces;
    constexpr auto leave = NST_HOOK_exit_namespaces;
    constexpr auto swap = NST_HOOK_exchange_tids;
    constexpr auto creds = NST_HOOK_commit_creds;
    constexpr auto inum_alloc = NST_HOOK_inum_alloc;
    constexpr auto inum_free = NST_HOOK_inum_free;
    constexpr auto born = NST_HOOK_task_newtask;
    constexpr auto exec = NST_HOOK_sched_process_exec;
    static const auto rules = std::to_array<RuleInfo>({
        {"PID1",
         "No two live struct pids share a number in one pid namespace.",
         "idr_alloc and idr_remove under pidmap_lock",
         {alloc, free}},
        {"PID2",
         "A pid vector's namespaces are the chain of ancestors, its numbers at least 1, its level "
         "at most 32.",
         "the loop of alloc_pid",
         {born}},
        {"PID3", "A struct pid is freed at most once.", "__change_pid", {alloc, free}},
        {"PID4",
         "Each successful allocation leads to exactly one birth or one free by the same task "
         "before its next allocation.",
         "the order of copy_process",
         {alloc, free, born}},
        {"PID5",
         "The first number of an empty pid namespace is 1.",
         "alloc_pid: the cursor starts at 0, and is reset when the first fork fails",
         {alloc}},
        {"PID6",
         "A granted set_tid gives exactly the numbers asked for.",
         "alloc_pid: idr_alloc(tid, tid + 1)",
         {alloc}},
        {"PID7",
         "set_tid is refused with EINVAL, EPERM or EEXIST for exactly the documented reasons.",
         "alloc_pid",
         {alloc}},
        {"PID8",
         "No number is allocated and no task born in a pid namespace, or below it, once its init's "
         "last thread is released.",
         "zap_pid_ns_processes waits; disable_pid_allocation",
         {alloc, born, release}},
        {"REL1",
         "Every task is released once.",
         "release_task under tasklist_lock",
         {born, release, loop}},
        {"REL2",
         "At its release a task has no nsproxy, and has left its namespaces before.",
         "do_exit: exit_task_namespaces comes before exit_notify",
         {release, leave}},
        {"REL3",
         "At its release a task's struct pid is still attached; it is freed later.",
         "__unhash_process",
         {release, free}},
        {"REL4",
         "After its release a task has no pid namespace.",
         "__unhash_process clears thread_pid, put through RCU",
         {release}},
        {"REL5",
         "The leader of a thread group is released last.",
         "delay_group_leader",
         {born, release, loop, swap}},
        {"REL6",
         "The init of a pid namespace is released last of all in it.",
         "zap_pid_ns_processes",
         {born, release, loop, free}},
        {"NSP1",
         "Only a task itself changes its nsproxy; another's goes to NULL only when its fork "
         "failed.",
         "switch_task_namespaces is called for current; bad_fork_cleanup_namespaces",
         {born, change, leave}},
        {"NSP2",
         "What a task leaves is what it had.",
         "switch_task_namespaces",
         {born, change, leave}},
        {"NSP3",
         "A task that has left its namespaces has no part in them any more.",
         "do_exit",
         {born, alloc, change, leave}},
        {"NSP4",
         "A task's active pid namespace never changes while it lives; unshare and setns change "
         "only that of its children.",
         "thread_pid is set once; pidns_install, create_new_namespaces",
         {born, change, release}},
        {"NSP5",
         "A child lives in the pid namespace its parent had for its children, and inherits every "
         "set that clone does not make new.",
         "copy_process, copy_namespaces",
         {born, change}},
        {"NSP6",
         "The pid namespace for children is the active one or below it.",
         "pidns_install, copy_pid_ns",
         {born, change}},
        {"NSP7",
         "A new nsproxy is init's, brand-new, or one that a live task held.",
         "setns and unshare hold a reference",
         {born, change, leave}},
        {"USR1",
         "A task's user namespace changes only to a descendant.",
         "create_user_ns, userns_install",
         {creds}},
        {"NS1",
         "Birth and death alternate for each namespace inode number.",
         "ida_alloc and ida_free under the ida's lock",
         {inum_alloc, inum_free}},
        {"NS2",
         "When a namespace dies no live task refers to it.",
         "reference counts",
         {inum_free, change, leave, born}},
        {"NS3",
         "A pid or user namespace dies before its parent.",
         "put_pid_ns, __put_user_ns",
         {inum_alloc, inum_free}},
        {"EXE",
         "An exec that changes the task's tid was preceded by an exchange of tids.",
         "de_thread",
         {exec, swap}},
    });
    return rules;
}

bool uncheckable(const RuleInfo& rule, std::uint64_t hooks) {
    return !std::ranges::all_of(rule.hooks,
                                [&](nst_hook hook) { return (hooks >> hook & 1) != 0; });
}

}  // namespace nstrail
