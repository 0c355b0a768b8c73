// SPDX-License-Identifier: Apache-2.0
// Engine: what a keyframe tells beyond a snapshot.
#include <algorithm>

#include "model/engine.hpp"
#include "model/kept.hpp"

namespace nstrail {

nst_ns_kept kept_of(const NsRecord& ns) {
    nst_ns_kept event{};
    event.type = ns.type;
    event.inum = ns.inum;
    event.gen = ns.gen;
    event.known = (ns.born ? kept_born : 0) | (ns.certain ? kept_certain : 0) |
                  (ns.dying ? kept_dying : 0) | (ns.last_pid_known ? kept_last_pid : 0) |
                  (ns.pids_used_known ? kept_pids_used : 0) | (ns.facts ? kept_facts : 0);
    event.first_seen_ns = ns.first_seen_ns;
    event.dying_since_ns = ns.dying_since_ns;
    event.emptied_ns = ns.emptied_ns;
    event.last_moved_ns = ns.last_moved_ns;
    event.told_pids = ns.told_pids;
    event.creator_tid = ns.creator_tid;
    event.last_pid = ns.last_pid;
    event.mover_tid = ns.mover_tid;
    event.last_move = static_cast<std::uint32_t>(ns.last_move);
    event.init_tgid = ns.init_tgid;
    event.zapper_tid = ns.zapper_tid;
    std::ranges::copy(ns.creator_comm, event.creator_comm);
    std::ranges::copy(ns.mover_comm, event.mover_comm);
    return event;
}

void Engine::on(const Event& /*event*/, const nst_ns_kept& e, Change& change) {
    if (e.inum == 0 || e.gen == 0) {
        return;
    }
    if (e.type == NST_ns_type_none || e.type >= NST_ns_type_end) {
        if (namespaces_.find(e.inum) == nullptr) {
            state_.namespaces.seen_before(e.inum, e.gen);
        }
        return;
    }
    // One without tasks of which nothing else was known is met here first.
    NsRecord& ns = meet(e.inum, static_cast<NsType>(e.type));
    state_.namespaces.seen_before(e.inum, e.gen);
    ns.gen = e.gen;
    ns.born = (e.known & kept_born) != 0;
    ns.certain = (e.known & kept_certain) != 0;
    ns.dying = (e.known & kept_dying) != 0;
    ns.last_pid_known = (e.known & kept_last_pid) != 0;
    ns.pids_used_known = (e.known & kept_pids_used) != 0;
    ns.facts = (e.known & kept_facts) != 0;
    ns.first_seen_ns = e.first_seen_ns;
    ns.dying_since_ns = e.dying_since_ns;
    ns.emptied_ns = e.emptied_ns;
    ns.last_moved_ns = e.last_moved_ns;
    ns.told_pids = e.told_pids;
    ns.creator_tid = e.creator_tid;
    ns.last_pid = e.last_pid;
    ns.mover_tid = e.mover_tid;
    ns.last_move = static_cast<PidMove>(
        std::min<std::uint32_t>(e.last_move, static_cast<std::uint32_t>(PidMove::jump)));
    ns.init_tgid = e.init_tgid;
    ns.zapper_tid = e.zapper_tid;
    ns.creator_comm = comm_of(e.creator_comm);
    ns.mover_comm = comm_of(e.mover_comm);
    change.ns = &ns;
}

void Engine::on(const Event& /*event*/, const nst_task_kept& e, Change& change) {
    TaskRecord* task = find_key(e.task.key);
    if (task == nullptr || task->start_boottime_ns != e.task.start_boottime_ns) {
        return;
    }
    task->exited_boot_ns = e.exited_boot_ns;
    task->exit_code = e.exit_code;
    task->soft = (e.known & kept_live) == 0;
    if ((e.known & kept_parent) == 0) {
        state_.processes.forget_parent(task->process);
    }
    change.task = task;
}

}  // namespace nstrail
