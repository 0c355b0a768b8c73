// SPDX-License-Identifier: Apache-2.0
#include "sink/sample.hpp"

namespace nstrail::test {

TaskRecord& add_task(WorldState& state, std::uint32_t tid, std::string_view comm,
                     std::vector<nst_pid_nr> vpids) {
    const auto [slot, task] = state.tasks.allocate();
    state.by_tid.at(tid) = slot;
    task.tid = task.tgid = tid;
    task.start_boottime_ns = tid * 1000ULL;
    comm.copy(task.comm.data(), task.comm.size() - 1);
    NsSet set;
    set[Slot::pid] = set[Slot::pid_for_children] = vpids.back().pid_namespace;
    task.vpids = PidVector(vpids);
    task.set = Sets(state.sets, state.namespaces).change(0, 1, set, false, 0);
    task.process = Processes::unknown;
    return task;
}

NsRecord& add_pid_namespace(WorldState& state, std::uint32_t inum, std::uint32_t parent,
                            std::uint32_t level) {
    NsRecord& ns = state.namespaces.create(inum);
    ns.type = NST_ns_type_pid;
    ns.facts = true;
    ns.parent = parent;
    ns.level = level;
    ns.owner = 4026531837;
    return ns;
}

WorldState sample_state() {
    WorldState state;
    state.session.mode = NST_attach_mode_full;
    state.now = 5'000'000'000;
    state.certain = state.synchronized = true;
    state.account.lost[NST_gap_cause_ring] = 3;
    state.account.created[NST_ns_type_pid] = 1;
    state.account.alloc_failures[11] = 2;  // EAGAIN
    state.account.alloc_failures[28] = 4;  // ENOSPC: none of those named
    add_pid_namespace(state, outer, 0, 0);
    NsRecord& below = add_pid_namespace(state, inner, outer, 1);
    below.born = true;
    below.creator_tid = 1;
    below.init_tgid = 20;
    add_task(state, 1, "init", {{outer, 1}}).process = Processes::none;
    TaskRecord& dead = add_task(state, 10, "dead", {{outer, 10}});
    dead.state = TaskState::zombie;
    Sets(state.sets, state.namespaces).add_zombie(dead.set, 1);
    add_task(state, 20, "in\"it\xff\x1b[2J", {{outer, 20}, {inner, 1}});
    state.tasks.at(3).process = state.processes.create(20, 1).index;
    state.processes.set_parent(state.tasks.at(1).process = state.processes.acquire(1), 0);
    return state;
}

}  // namespace nstrail::test
