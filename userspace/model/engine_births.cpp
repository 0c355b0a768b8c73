// SPDX-License-Identifier: Apache-2.0
// Engine: tasks that are born, or found by a snapshot.
#include <algorithm>
#include <utility>

#include "model/clone_flags.hpp"
#include "model/engine.hpp"
#include "model/kernel_bits.hpp"

namespace nstrail {

namespace {

/// One slot for each type of namespace: the one that shows what clone made.
constexpr Slot made_by_clone[] = {Slot::mnt, Slot::uts,    Slot::ipc,  Slot::net,
                                  Slot::pid, Slot::cgroup, Slot::user, Slot::time_for_children};

/// A task keeps its numbers until it has none, in its release.
bool may_have(const TaskRecord& task, std::span<const nst_pid_nr> vector) {
    return vector.empty() ||
           std::ranges::equal(
               task.vpids.span(), vector, [](const nst_pid_nr& one, const nst_pid_nr& other) {
                   return one.pid_namespace == other.pid_namespace && one.nr == other.nr;
               });
}

}  // namespace

void Engine::on(const Event& event, const nst_task_new& e, Change& change) {
    if (!plausible(e.task)) {
        return;
    }
    state_.account.tasks_born++;
    // In the reduced mode that is how a release is learned when the number is used again before
    // sched_process_free; in the full mode the release was lost.
    evict(e.task,
          hooked(NST_HOOK_release_task) ? state_.account.tasks_dropped
                                        : state_.account.tasks_released,
          change);
    tombstones_.erase(e.task.key);
    pending_.erase(e.task.key);
    heirs_.erase(e.task.tgid);

    TaskRecord& task = add_task(e.task);
    const TaskRecord* actor = find_key(e.actor.key);
    const ProcessRecord actors =
        actor != nullptr ? state_.processes[actor->process] : ProcessRecord{};
    if (task.leader()) {
        const auto made = state_.processes.create(task.tgid, e.ppid);
        made.record.exe = names_.share(actors.exe);
        task.process = made.index;
    } else {
        task.process = state_.processes.acquire(task.tgid);
    }
    task.comm = comm_of(e.comm);
    task.pid_key = e.pid_key;
    task.kernel_thread = e.actor.tid == 2;  // kthreadd makes them all
    touch(task);
    const NsSet set(e.ns);
    if (!hooked(NST_HOOK_inum_alloc)) {
        for (const Slot slot : made_by_clone) {
            if ((e.clone_flags & clone_flag(slot)) == 0 || set[slot] == 0) {
                continue;
            }
            const NsRecord* known = namespaces_.find(set[slot]);
            // During a round the iterator may have told it before task_newtask did.
            if (!in_round_ || known == nullptr || known->seen_round != round_) {
                namespaces_.cloned(set[slot], state_.now, e.actor.tid,
                                   actor != nullptr ? actor->name() : "");
            }
        }
    }
    set_set(task, e.ns.nsproxy, set, actor != nullptr ? actor->set : 0);
    task.set_era = era_;
    set_vector(task, event.tail<nst_task_new, nst_pid_nr>());
    set_cgroup(task, e.cgroup, task.leader(), actors.cgroup);
    if (actor != nullptr && actor->set != task.set) {
        const NsSet& before = state_.set_of(*actor).ns;
        if (before != set) {
            change.transition = {.before = before, .after = set};
        }
    }
    // Where switches are not seen, the child tells what its parent has: all that clone did not make
    // new.
    if (!hooked(NST_HOOK_switch_namespaces)) {
        learn_parent(e, set);
    }
    change.actor = actor;
    change.task = &task;
}

void Engine::learn_parent(const nst_task_new& e, const NsSet& child) {
    TaskRecord* parent = find_key(e.actor.key);
    if (parent == nullptr || parent->state != TaskState::alive ||
        state_.set_of(*parent).nsproxy == e.actor_nsproxy) {
        return;
    }
    const NsSet before = state_.set_of(*parent).ns;
    NsSet now = child;
    for (const Slot slot : made_by_clone) {
        if ((e.clone_flags & clone_flag(slot)) != 0) {
            now[slot] = before[slot];
        }
    }
    const bool new_pid = (e.clone_flags & CLONE_NEWPID) != 0;
    const bool new_time = (e.clone_flags & CLONE_NEWTIME) != 0;
    now[Slot::pid_for_children] = new_pid ? before[Slot::pid_for_children] : child[Slot::pid];
    now[Slot::pid] = before[Slot::pid];
    now[Slot::time_for_children] =
        new_time ? before[Slot::time_for_children] : child[Slot::time_for_children];
    now[Slot::time] = before[Slot::time];
    set_set(*parent, e.actor_nsproxy, now);
    state_.account.switches_seen_late++;
}

void Engine::on(const Event& event, const nst_task_seen& e, Change& change) {
    if (!plausible(e.task)) {
        return;
    }
    if (const std::uint64_t* gone = tombstones_.find(e.task.key);
        gone != nullptr && *gone == e.task.start_boottime_ns) {
        return;  // read before its release, written after it
    }
    TaskRecord* known = find_key(e.task.key);
    if (known == nullptr && e.exit_state == exit_dead) {
        return;  // its release has been told, or is about to be
    }
    if (known != nullptr && known->live_round == round_ && in_round_) {
        known->seen_round = e.round;
        if (state_.processes[known->process].cgroup == 0) {
            set_cgroup(*known, e.cgroup, known->leader());
        }
        change.task = known;
        return;  // live events have told more recent things
    }
    const auto vector = event.tail<nst_task_seen, nst_pid_nr>();
    if (known != nullptr && (known->start_boottime_ns != e.task.start_boottime_ns ||
                             known->tid != e.task.tid || !may_have(*known, vector))) {
        lose(*known, change);
        known = nullptr;
    }
    const bool found = known == nullptr;
    if (found) {
        evict(e.task, state_.account.tasks_dropped, change);
    }
    TaskRecord& task = found ? add_task(e.task) : *known;
    if (found) {
        task.soft = true;
        task.process = state_.processes.acquire(task.tgid);
        task.pid_key = e.pid_key;
        task.kernel_thread = (e.flags & pf_kthread) != 0;
        set_vector(task, vector);
    } else {
        note_init(task);  // its namespace may have got another record, a birth being lost
    }
    const SetRecord before = state_.set_of(task);
    set_parent(task, e.ppid);
    task.tracer = e.tracer;
    task.seen_round = e.round;
    task.comm = comm_of(e.comm);
    NsSet set(e.ns);
    std::uint64_t nsproxy = e.ns.nsproxy;
    TaskState state = TaskState::alive;
    if (e.exit_state != 0) {
        // The record's set may have been read before exit_task_namespaces(), its state after.
        nsproxy = 0;
        task.exit_code = e.exit_code;
        state = TaskState::zombie;
    } else if ((e.flags & pf_exiting) != 0) {
        state = TaskState::exiting;
    }
    Pending pending;
    if (const Pending* at = pending_.find(e.task.key); at != nullptr) {
        pending = *at;
        pending_.erase(e.task.key);
        touch(task);
    }
    if (pending.comm[0] != 0) {
        task.comm = pending.comm;
    }
    if (pending.switched) {
        nsproxy = pending.nsproxy;
        set = pending.ns;
    }
    set_cgroup(task, pending.cgroup != 0 ? pending.cgroup : e.cgroup, task.leader());
    if (pending.user != 0) {
        set[Slot::user] = pending.user;
    }
    if (pending.exiting) {
        task.exit_code = pending.exit_code;
        state = TaskState::exiting;
    }
    if (!found && exact(task)) {
        nsproxy = before.nsproxy;
        set = before.ns;
    }
    // Nobody gets an nsproxy back.
    const bool left = task.state == TaskState::zombie && hooked(NST_HOOK_exit_namespaces);
    if (pending.left || left) {
        nsproxy = 0;
        state = TaskState::zombie;
    }
    // What it let go of may have ended since the record was read, and must not be met again.
    for (const Slot slot : all_slots) {
        set[slot] = nsproxy == 0 && in_nsproxy(slot) ? 0 : set[slot];
    }
    set_set(task, nsproxy, set);
    if (!found && before.nsproxy != nsproxy && nsproxy != 0) {
        state_.account.switches_seen_late++;
        change.transition = {.before = before.ns, .after = set, .exact = false};
    }
    if (state != TaskState::alive) {
        set_state(task, state);
    }
    if (pending.last) {
        mark_dying(task);
    }
    change.task = &task;
}

void Engine::on(const Event& /*event*/, const nst_task_exe& e, Change& change) {
    TaskRecord* task = find_key(e.task.key);
    // Read after the snapshot: an exec since has told more recent things.
    if (task == nullptr || task->start_boottime_ns != e.task.start_boottime_ns) {
        return;
    }
    if (state_.processes[task->process].exe == 0) {
        set_exe(*task, text_of(e.path, sizeof(e.path)));
    }
    change.task = task;
}

}  // namespace nstrail
