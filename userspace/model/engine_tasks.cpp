// SPDX-License-Identifier: Apache-2.0
// Engine: what tasks do, and how they end.
#include <algorithm>

#include "model/engine.hpp"

namespace nstrail {

namespace {

/// Who executes keeps its tid, or gives it up for its leader's (de_thread).
bool may_be(const TaskRecord& task, const nst_task_exec& e) {
    return task.tid == e.task.tid
               ? task.start_boottime_ns == e.task.start_boottime_ns
               : task.tid == e.old_tid && task.tgid == e.task.tgid && e.task.tid == e.task.tgid;
}

}  // namespace

void Engine::on(const Event& /*event*/, const nst_task_exec& e, Change& change) {
    TaskRecord* task = find_key(e.task.key);
    if (task != nullptr && !may_be(*task, e)) {
        lose(*task, change);
        task = nullptr;
    }
    if (task == nullptr) {
        if (unsure()) {
            pending_[e.task.key].comm = comm_of(e.comm);
        }
        return;
    }
    touch(*task);
    if (task->tid != e.task.tid) {
        // exchange_tids is not hooked: exec by a thread that was not the leader.
        if (const TaskSlot leader = state_.slot_by_tid(e.task.tid); leader != no_task) {
            exchange(*task, state_.tasks.at(leader));
        } else if (plausible(e.task)) {
            const TaskSlot slot = slot_of(*task);
            unindex_tid(task->tid, slot);
            task->tid = e.task.tid;
            state_.by_tid.at(task->tid) = slot;
        }
        task->start_boottime_ns = e.task.start_boottime_ns;
    }
    task->comm = comm_of(e.comm);
    set_exe(*task, text_of(e.filename, sizeof(e.filename)));
    learn_namespaces(*task, e.ns, change);
    change.task = change.actor = task;
}

/// A task's set as it is now, where a switch may not have been seen.
void Engine::learn_namespaces(TaskRecord& task, const nst_ns_set& set, Change& change) {
    const SetRecord before = state_.set_of(task);
    if (set.nsproxy != 0 && before.nsproxy != set.nsproxy) {
        state_.account.switches_seen_late++;
        set_set(task, set.nsproxy, NsSet(set));
    }
    if (set.user != 0) {
        set_slot(task, Slot::user, set.user);
    }
    note_transition(change, before.ns, task, false);
}

void Engine::note_transition(Change& change, const NsSet& before, const TaskRecord& task,
                             bool exact) const {
    if (const NsSet& after = state_.set_of(task).ns; before != after) {
        change.transition = {.before = before, .after = after, .exact = exact};
    }
}

void Engine::on(const Event& /*event*/, const nst_task_rename& e, Change& change) {
    if (TaskRecord* task = find_key(e.task.key); task != nullptr) {
        touch(*task);
        task->comm = comm_of(e.comm);
        change.task = task;
    } else if (unsure()) {
        pending_[e.task.key].comm = comm_of(e.comm);
    }
}

void Engine::on(const Event& /*event*/, const nst_task_exit& e, Change& change) {
    state_.account.tasks_exited++;
    TaskRecord* task = find_key(e.task.key);
    if (task == nullptr) {
        if (unsure()) {
            Pending& pending = pending_[e.task.key];
            pending.exiting = true;
            pending.exit_code = e.exit_code;
            pending.last = e.last != 0;
            pending.left = !hooked(NST_HOOK_exit_namespaces);
            const auto process = state_.processes.acquire(e.task.tgid);
            process_dies(e, process);
            state_.processes.release(process);
        }
        return;
    }
    touch(*task);
    task->exit_code = e.exit_code;
    task->exited_boot_ns = state_.now;
    task->tracer = e.tracer;
    set_state(*task, TaskState::exiting);
    process_dies(e, task->process);
    if (e.last != 0) {
        mark_dying(*task);
    }
    if (!hooked(NST_HOOK_exit_namespaces)) {
        const NsSet before = state_.set_of(*task).ns;
        learn_namespaces(*task, e.ns, change);
        leave_nsproxy(*task);
        set_state(*task, TaskState::zombie);
        note_transition(change, before, *task, false);
    }
    change.task = change.actor = task;
}

void Engine::process_dies(const nst_task_exit& e, Processes::Index process) {
    // An init's children keep it as their parent until it has waited for them all.
    if (e.last == 0 || e.heir == e.task.tgid) {
        return;
    }
    state_.processes.die(process, e.heir);
    if (in_round_) {
        heirs_[e.task.tgid] = e.heir;
    }
}

/// The last thread of a group is exiting: if that is an init, its namespace ends.
void Engine::mark_dying(const TaskRecord& init) {
    NsRecord* active = namespaces_.edit(init.vpids.innermost().pid_namespace);
    if (active != nullptr && active->init_tgid == init.tgid) {
        active->dying = true;
        active->dying_since_ns = state_.now;
        active->zapper_tid = init.tid;
    }
}

/// A snapshot's record of it may still come.
void Engine::bury(const nst_task_ref& gone) {
    pending_.erase(gone.key);
    if (in_round_) {
        tombstones_[gone.key] = gone.start_boottime_ns;
    }
}

void Engine::take_away(TaskSlot slot, TaskRecord& task, Change& change) {
    // Moved, as the owners of a long one are counted.
    PidVector numbers = std::move(task.vpids);
    change.released = task;
    change.released->vpids = std::move(numbers);
    change.released_ns = state_.set_of(task).ns;
    change.released_cgroup = state_.cgroup_index(task);
    drop_task(slot, task);
}

void Engine::on(const Event& /*event*/, const nst_task_release& e, Change& change) {
    if (e.via == NST_release_via_resync) {
        return;  // made of what this model found out itself; the address may be another's by now
    }
    bury(e.task);
    const TaskSlot slot = by_key_.find(e.task.key);
    if (slot == no_task) {
        return;  // told twice (entry and loop), or never known
    }
    TaskRecord& task = state_.tasks.at(slot);
    learn_exchange(task, e.task);
    state_.account.tasks_released++;
    if (task.exited_boot_ns != 0 && e.header.boot_ns >= task.exited_boot_ns) {
        state_.account.exit_to_release.add(e.header.boot_ns - task.exited_boot_ns);
    }
    take_away(slot, task, change);
    change.actor = state_.find_task(e.actor_tid);  // not the task itself where nobody waited
}

void Engine::on(const Event& /*event*/, const nst_task_free& e, Change& change) {
    bury(e.task);
    const TaskSlot slot = by_key_.find(e.task.key);
    if (slot == no_task) {
        return;
    }
    TaskRecord& task = state_.tasks.at(slot);
    learn_exchange(task, e.task);
    // With release_task hooked this is the second witness: the first was lost.
    Account& account = state_.account;
    (hooked(NST_HOOK_release_task) ? account.tasks_dropped : account.tasks_released)++;
    take_away(slot, task, change);
}

void Engine::on(const Event& /*event*/, const nst_exchange_tids& e, Change& change) {
    TaskRecord* task = find_key(e.task.key);
    TaskRecord* leader = find_key(e.leader.key);
    if (task == nullptr || leader == nullptr) {
        // A record of this snapshot may still tell the tids from before.
        round_dirty_ = round_dirty_ || in_round_;
        gap_open_ = gap_open_ || !in_round_;
        return;
    }
    exchange(*task, *leader);
    task->start_boottime_ns = e.task.start_boottime_ns;
    change.task = change.actor = task;
}

void Engine::on(const Event& /*event*/, const nst_ns_switch& e, Change& change) {
    TaskRecord* task = find_key(e.task.key);
    const bool leaves = e.after.nsproxy == 0;
    if (task == nullptr) {
        if (leaves && e.actor_key != e.task.key) {
            state_.account.forks_failed++;
        } else if (unsure()) {
            Pending& pending = pending_[e.task.key];
            pending.left = leaves;
            pending.switched = !leaves;
            pending.nsproxy = e.after.nsproxy;
            pending.ns = NsSet(e.after);
        }
        return;
    }
    touch(*task);
    change.task = task;
    change.actor = e.actor_key == e.task.key ? task : find_key(e.actor_key);
    const SetRecord before = state_.set_of(*task);
    if (leaves) {
        if (before.nsproxy == 0) {
            return;  // told by exit_task_namespaces and by switch_task_namespaces in it
        }
        leave_nsproxy(*task);
        set_state(*task, TaskState::zombie);
    } else {
        set_set(*task, e.after.nsproxy, NsSet(e.after));
        task->set_era = era_;
    }
    note_transition(change, before.ns, *task, true);
    const auto via = std::min<std::uint32_t>(e.via, NST_switch_via_end - 1);
    state_.account.switches[via]++;
    if (leaves) {
        return;  // it moves nowhere
    }
    const NsSet& after = state_.set_of(*task).ns;
    for (const Slot slot : all_slots) {
        if (before.ns[slot] != 0 && after[slot] != 0 && before.ns[slot] != after[slot]) {
            state_.account.moves[via][slot_type(slot)]++;
        }
    }
}

void Engine::on(const Event& /*event*/, const nst_cred_user_ns& e, Change& change) {
    state_.account.user_ns_switches++;
    if (TaskRecord* task = find_key(e.task.key); task != nullptr) {
        touch(*task);
        const NsSet before = state_.set_of(*task).ns;
        set_slot(*task, Slot::user, e.after);
        note_transition(change, before, *task, true);
        change.task = change.actor = task;
    } else if (unsure()) {
        pending_[e.task.key].user = e.after;
    }
}

void Engine::on(const Event& /*event*/, const nst_cgroup& e, Change& /*change*/) {
    cgroups_.on(e);
}

void Engine::on(const Event& /*event*/, const nst_task_cgroup& e, Change& change) {
    change.actor = state_.find_task(e.actor_tid);
    if (TaskRecord* task = find_key(e.task.key); task != nullptr) {
        // What else a snapshot tells of it is not made old by this, so it is not touched.
        set_cgroup(*task, e.cgroup, e.whole != 0);
        change.task = task;
    }
    if (unsure()) {
        pending_[e.task.key].cgroup = e.cgroup;
    }
}

}  // namespace nstrail
