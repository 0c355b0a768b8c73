// SPDX-License-Identifier: Apache-2.0
// World: the lives of tasks.
#include <algorithm>

#include <linux/sched.h>

#include "model/world.hpp"

namespace nstrail {

namespace {

constexpr std::uint32_t pf_exiting = 0x4;       // PF_EXITING
constexpr std::uint32_t pf_kthread = 0x200000;  // PF_KTHREAD

/// Which slot a flag of clone makes new. CLONE_NEWTIME gives the child both time slots
/// (timens_on_fork), but with CLONE_VM only that for its children.
constexpr struct {
    std::uint64_t flag;
    Slot slot;
} new_by_clone[] = {
    {CLONE_NEWNS, Slot::mnt},    {CLONE_NEWUTS, Slot::uts},
    {CLONE_NEWIPC, Slot::ipc},   {CLONE_NEWNET, Slot::net},
    {CLONE_NEWPID, Slot::pid},   {CLONE_NEWCGROUP, Slot::cgroup},
    {CLONE_NEWUSER, Slot::user}, {CLONE_NEWTIME, Slot::time_for_children},
};

/// No kernel sends what is not: a damaged recording must not choose how large the index of tids is.
bool plausible(const nst_task_ref& ref) {
    constexpr std::uint32_t pid_max_limit = 4 * 1024 * 1024;  // PID_MAX_LIMIT
    return ref.key != 0 && ref.tid < pid_max_limit;
}

void set_comm(Task& task, const char (&comm)[16]) {
    std::ranges::copy(comm, task.comm.begin());
}

}  // namespace

Task* World::find_key(std::uint64_t key) {
    const auto at = by_key_.find(key);
    return at == by_key_.end() ? nullptr : &tasks_[at->second];
}

const Task* World::find_task(std::uint32_t tid) const {
    return tid < by_tid_.size() && by_tid_[tid] != no_task ? &tasks_[by_tid_[tid]] : nullptr;
}

Task& World::add_task(const nst_task_ref& ref) {
    TaskSlot slot = no_task;
    if (free_tasks_.empty()) {
        slot = static_cast<TaskSlot>(tasks_.size());
        tasks_.emplace_back();
    } else {
        slot = free_tasks_.back();
        free_tasks_.pop_back();
    }
    Task& task = tasks_[slot];
    task = Task{};
    task.key = ref.key;
    task.start_boottime_ns = ref.start_boottime_ns;
    task.tid = ref.tid;
    task.tgid = ref.tgid;
    by_key_[ref.key] = slot;
    index_tid(task, slot);
    return task;
}

void World::index_tid(const Task& task, TaskSlot slot) {
    if (task.tid >= by_tid_.size()) {
        by_tid_.resize(task.tid + 1, no_task);
    }
    by_tid_[task.tid] = slot;
}

void World::unindex_tid(std::uint32_t tid, TaskSlot slot) {
    if (tid < by_tid_.size() && by_tid_[tid] == slot) {
        by_tid_[tid] = no_task;
    }
}

void World::drop_task(Task& task) {
    const auto slot = static_cast<TaskSlot>(&task - tasks_.data());
    for (const Slot one : all_slots) {
        set_slot(task, one, 0);
    }
    if (task.leader()) {
        // The process is gone. Its children may hold on to it for its heir; if it held on to its
        // own parent then, a line of processes that fork and exit would grow for ever.
        processes_.forget_parent(task.process);
    }
    processes_.release(task.process);
    unindex_tid(task.tid, slot);
    by_key_.erase(task.key);
    free_tasks_.push_back(slot);
    task = Task{};
}

/// Ends whoever else has the address or the number of a task that is known to be.
void World::evict(const nst_task_ref& ref, std::uint64_t& counter) {
    const auto at = by_key_.find(ref.key);
    const TaskSlot by_key = at == by_key_.end() ? no_task : at->second;
    const TaskSlot by_tid = ref.tid < by_tid_.size() ? by_tid_[ref.tid] : no_task;
    for (const TaskSlot slot : {by_key, by_tid}) {
        Task& task = tasks_[slot];
        if (slot == no_task || task.key == 0) {
            continue;
        }
        // The iterator may have told the very task before task_newtask did.
        const bool same = task.key == ref.key && task.start_boottime_ns == ref.start_boottime_ns;
        counter += same ? 0 : 1;
        drop_task(task);
    }
}

void World::touch(Task& task) {
    if (in_round_) {
        task.live_round = round_;
    }
    task.soft = false;
}

void World::count(const Task& task, Slot slot, int by) {
    Namespace* ns = namespaces_.find(task.ns[slot]);
    if (ns == nullptr) {
        return;
    }
    const auto add = [by](std::uint32_t& counter) {
        counter = by < 0 && counter == 0 ? 0 : counter + static_cast<std::uint32_t>(by);
    };
    if (for_children(slot)) {
        add(ns->children_slots);
        return;
    }
    add(ns->tasks);
    if (task.state == TaskState::zombie) {
        add(ns->zombies);
    }
}

Namespace& World::meet(std::uint32_t inum, NsType type) {
    Namespace& ns = namespaces_.meet(inum, type, now_);
    if (const auto early = early_facts_.find(inum); early != early_facts_.end()) {
        const nst_namespace facts = early->second;
        early_facts_.erase(early);
        // Of another type they are about one whose birth was lost.
        if (facts.type == static_cast<nst_u32>(type)) {
            return namespaces_.learn(facts, now_, true);
        }
    }
    return ns;
}

void World::set_slot(Task& task, Slot slot, std::uint32_t inum) {
    if (task.ns[slot] == inum) {
        return;
    }
    count(task, slot, -1);
    task.ns[slot] = 0;
    if (inum != 0) {
        meet(inum, slot_type(slot));
        task.ns[slot] = inum;
        count(task, slot, +1);
    }
}

void World::set_namespaces(Task& task, std::uint64_t nsproxy, const NsSet& set) {
    task.nsproxy = nsproxy;
    for (const Slot slot : all_slots) {
        set_slot(task, slot, set[slot]);
    }
}

void World::leave_nsproxy(Task& task) {
    task.nsproxy = 0;
    for (const Slot slot : all_slots) {
        if (in_nsproxy(slot)) {
            set_slot(task, slot, 0);
        }
    }
}

void World::set_state(Task& task, TaskState state) {
    if (task.state == state) {
        return;
    }
    const bool counts = task.state == TaskState::zombie || state == TaskState::zombie;
    const auto count_all = [&](int by) {
        for (const Slot slot : all_slots) {
            if (counts && task.ns[slot] != 0) {
                count(task, slot, by);
            }
        }
    };
    count_all(-1);
    task.state = state;
    count_all(+1);
}

void World::set_vector(Task& task, std::span<const nst_pid_nr> vector) {
    task.vpids = PidVector(vector);
    std::uint32_t parent = 0;
    for (std::uint32_t level = 0; level < vector.size(); level++) {
        if (vector[level].pid_namespace == 0) {
            continue;
        }
        Namespace& ns = meet(vector[level].pid_namespace, NST_ns_type_pid);
        if (!ns.facts) {
            ns.parent = parent;
            ns.level = level;
        }
        parent = ns.inum;
    }
    if (Namespace* active = namespaces_.find(task.vpids.innermost().pid_namespace);
        active != nullptr && task.vpids.innermost().nr == 1) {
        active->init_tgid = task.tgid;
    }
}

void World::on(const Event& event, const nst_task_new& e, Change& change) {
    if (!plausible(e.task)) {
        return;
    }
    account_.tasks_born++;
    // In the reduced mode that is how a release is learned when the number is used again before
    // sched_process_free; in the full mode the release was lost.
    evict(e.task, hooked(NST_HOOK_release_task) ? account_.tasks_dropped : account_.tasks_released);
    tombstones_.erase(e.task.key);
    pending_.erase(e.task.key);
    heirs_.erase(e.task.tgid);

    Task& task = add_task(e.task);
    const Task* actor = find_key(e.actor.key);
    if (task.leader()) {
        task.process = processes_.create(task.tgid);
        processes_.set_parent(task.process, e.ppid);
    } else {
        task.process = processes_.acquire(task.tgid);
    }
    set_comm(task, e.comm);
    task.pid_key = e.pid_key;
    task.kernel_thread = e.actor.tid == 2;  // kthreadd makes them all
    touch(task);
    const NsSet set(e.ns);
    if (!hooked(NST_HOOK_inum_alloc)) {
        for (const auto& [flag, slot] : new_by_clone) {
            const Namespace* known = namespaces_.find(set[slot]);
            // During a round the iterator may have told it before task_newtask did.
            const bool told = in_round_ && known != nullptr && known->seen_round == round_;
            if ((e.clone_flags & flag) != 0 && set[slot] != 0 && !told) {
                namespaces_.cloned(set[slot], now_, e.actor.tid,
                                   actor != nullptr ? actor->name() : "");
            }
        }
    }
    set_namespaces(task, e.ns.nsproxy, set);
    set_vector(task, event.tail<nst_task_new, nst_pid_nr>());

    // Where switches are not seen, the child tells what its parent has: all that clone did not make
    // new.
    Task* parent = hooked(NST_HOOK_switch_namespaces) ? nullptr : find_key(e.actor.key);
    if (parent != nullptr && parent->nsproxy != e.actor_nsproxy &&
        parent->state == TaskState::alive) {
        NsSet now = set;
        for (const auto& [flag, slot] : new_by_clone) {
            if ((e.clone_flags & flag) != 0) {
                now[slot] = parent->ns[slot];
            }
        }
        const bool new_pid = (e.clone_flags & CLONE_NEWPID) != 0;
        now[Slot::pid_for_children] = new_pid ? parent->ns[Slot::pid_for_children] : set[Slot::pid];
        now[Slot::pid] = parent->ns[Slot::pid];
        now[Slot::time_for_children] = (e.clone_flags & CLONE_NEWTIME) != 0
                                           ? parent->ns[Slot::time_for_children]
                                           : set[Slot::time_for_children];
        now[Slot::time] = parent->ns[Slot::time];
        set_namespaces(*parent, e.actor_nsproxy, now);
        account_.switches_seen_late++;
    }
    change.task = &task;
}

void World::on(const Event& event, const nst_task_seen& e, Change& change) {
    if (!plausible(e.task)) {
        return;
    }
    if (const auto gone = tombstones_.find(e.task.key);
        gone != tombstones_.end() && gone->second == e.task.start_boottime_ns) {
        return;  // read before its release, written after it
    }
    Task* known = find_key(e.task.key);
    if (known != nullptr && known->live_round == round_ && in_round_) {
        known->seen_round = e.round;
        change.task = known;
        return;  // live events have told more recent things
    }
    if (known != nullptr &&
        (known->start_boottime_ns != e.task.start_boottime_ns || known->tid != e.task.tid)) {
        account_.tasks_dropped++;
        drop_task(*known);
        known = nullptr;
    }
    const bool found = known == nullptr;
    if (found) {
        evict(e.task, account_.tasks_dropped);
    }
    Task& task = found ? add_task(e.task) : *known;
    if (found) {
        task.soft = true;
        task.process = processes_.acquire(task.tgid);
        task.pid_key = e.pid_key;
        task.kernel_thread = (e.flags & pf_kthread) != 0;
        set_vector(task, event.tail<nst_task_seen, nst_pid_nr>());
    } else if (task.nsproxy != e.ns.nsproxy && e.ns.nsproxy != 0) {
        account_.switches_seen_late++;
    }
    set_parent(task, e.ppid);
    task.seen_round = e.round;
    set_comm(task, e.comm);
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
    if (const auto at = pending_.find(e.task.key); at != pending_.end()) {
        pending = at->second;
        pending_.erase(at);
        touch(task);
    }
    if (pending.comm[0] != 0) {
        task.comm = pending.comm;
    }
    if (pending.switched) {
        nsproxy = pending.nsproxy;
        set = pending.ns;
    }
    if (pending.user != 0) {
        set[Slot::user] = pending.user;
    }
    if (pending.exiting) {
        task.exit_code = pending.exit_code;
        state = TaskState::exiting;
    }
    if (pending.left) {
        nsproxy = 0;
        state = TaskState::zombie;
    }
    // What it let go of may have ended since the record was read, and must not be met again.
    for (const Slot slot : all_slots) {
        set[slot] = nsproxy == 0 && in_nsproxy(slot) ? 0 : set[slot];
    }
    set_namespaces(task, nsproxy, set);
    if (state != TaskState::alive) {
        set_state(task, state);
    }
    if (pending.last) {
        mark_dying(task);
    }
    change.task = &task;
}

void World::on(const Event& /*event*/, const nst_task_exec& e, Change& change) {
    Task* task = find_key(e.task.key);
    if (task == nullptr) {
        if (in_round_) {
            std::ranges::copy(e.comm, pending_[e.task.key].comm.begin());
        }
        return;
    }
    touch(*task);
    if (task->tid != e.task.tid) {
        // exchange_tids is not hooked: exec by a thread that was not the leader.
        if (e.task.tid < by_tid_.size() && by_tid_[e.task.tid] != no_task) {
            exchange(*task, tasks_[by_tid_[e.task.tid]]);
        } else if (plausible(e.task)) {
            const auto slot = by_key_.at(e.task.key);
            unindex_tid(task->tid, slot);
            task->tid = e.task.tid;
            index_tid(*task, slot);
        }
        task->start_boottime_ns = e.task.start_boottime_ns;
    }
    set_comm(*task, e.comm);
    learn_namespaces(*task, e.ns);
    change.task = task;
}

/// A task's set as it is now, where a switch may not have been seen.
void World::learn_namespaces(Task& task, const nst_ns_set& set) {
    if (task.nsproxy != set.nsproxy && set.nsproxy != 0) {
        account_.switches_seen_late++;
        set_namespaces(task, set.nsproxy, NsSet(set));
    }
    if (set.user != 0) {
        set_slot(task, Slot::user, set.user);
    }
}

void World::on(const Event& /*event*/, const nst_task_rename& e, Change& change) {
    if (Task* task = find_key(e.task.key); task != nullptr) {
        touch(*task);
        set_comm(*task, e.comm);
        change.task = task;
    } else if (in_round_) {
        std::ranges::copy(e.comm, pending_[e.task.key].comm.begin());
    }
}

void World::on(const Event& /*event*/, const nst_task_exit& e, Change& change) {
    account_.tasks_exited++;
    Task* task = find_key(e.task.key);
    if (task == nullptr) {
        if (in_round_) {
            Pending& pending = pending_[e.task.key];
            pending.exiting = true;
            pending.exit_code = e.exit_code;
            pending.last = e.last != 0;
            pending.left = !hooked(NST_HOOK_exit_namespaces);
            process_dies(e);
        }
        return;
    }
    touch(*task);
    task->exit_code = e.exit_code;
    task->exited_boot_ns = now_;
    set_state(*task, TaskState::exiting);
    process_dies(e);
    if (e.last != 0) {
        mark_dying(*task);
    }
    if (!hooked(NST_HOOK_exit_namespaces)) {
        learn_namespaces(*task, e.ns);
        leave_nsproxy(*task);
        set_state(*task, TaskState::zombie);
    }
    change.task = task;
}

void World::process_dies(const nst_task_exit& e) {
    // An init's children keep it as their parent until it has waited for them all.
    if (e.last == 0 || e.heir == e.task.tgid) {
        return;
    }
    const Task* task = find_key(e.task.key);
    const auto process = processes_.acquire(task != nullptr ? task->tgid : e.task.tgid);
    processes_.die(process, e.heir);
    processes_.release(process);
    if (in_round_) {
        heirs_[e.task.tgid] = e.heir;
    }
}

/// The last thread of a group is exiting: if that is an init, its namespace ends.
void World::mark_dying(const Task& init) {
    Namespace* active = namespaces_.find(init.vpids.innermost().pid_namespace);
    if (active != nullptr && active->init_tgid == init.tgid) {
        active->dying = true;
        active->zapper_tid = init.tid;
    }
}

/// The parent that a snapshot read may have died since, during the round.
void World::set_parent(const Task& task, std::uint32_t ppid) {
    for (std::size_t i = 0; i <= heirs_.size(); i++) {
        const auto at = heirs_.find(ppid);
        if (at == heirs_.end()) {
            processes_.set_parent(task.process, ppid);
            return;
        }
        ppid = at->second;
        if (ppid == 0) {
            break;
        }
    }
    processes_.forget_parent(task.process);
}

void World::on(const Event& /*event*/, const nst_task_release& e, Change& change) {
    if (in_round_) {
        tombstones_[e.task.key] = e.task.start_boottime_ns;
        pending_.erase(e.task.key);
    }
    Task* task = find_key(e.task.key);
    if (task == nullptr) {
        return;  // told twice (entry and loop), or never known
    }
    learn_exchange(*task, e.task);
    account_.tasks_released++;
    change.released = *task;
    drop_task(*task);
}

void World::on(const Event& /*event*/, const nst_task_free& e, Change& change) {
    if (in_round_) {
        tombstones_[e.task.key] = e.task.start_boottime_ns;
        pending_.erase(e.task.key);
    }
    Task* task = find_key(e.task.key);
    if (task == nullptr) {
        return;
    }
    learn_exchange(*task, e.task);
    // With release_task hooked this is the second witness: the first was lost.
    (hooked(NST_HOOK_release_task) ? account_.tasks_dropped : account_.tasks_released)++;
    change.released = *task;
    drop_task(*task);
}

void World::exchange(Task& one, Task& other) {
    const auto slot_of = [&](const Task& task) {
        return static_cast<TaskSlot>(&task - tasks_.data());
    };
    std::swap(one.tid, other.tid);
    std::swap(one.vpids, other.vpids);
    std::swap(one.pid_key, other.pid_key);
    index_tid(one, slot_of(one));
    index_tid(other, slot_of(other));
    touch(one);
    touch(other);
}

/// A leader that ends under another tid gave its own to the thread that had that one and executes a
/// program (de_thread): exchange_tids was not seen.
void World::learn_exchange(Task& leader, const nst_task_ref& now) {
    if (leader.tid == now.tid || now.tid >= by_tid_.size() || by_tid_[now.tid] == no_task) {
        return;
    }
    Task& thread = tasks_[by_tid_[now.tid]];
    thread.start_boottime_ns = leader.start_boottime_ns;
    exchange(leader, thread);
}

void World::on(const Event& /*event*/, const nst_exchange_tids& e, Change& change) {
    Task* task = find_key(e.task.key);
    Task* leader = find_key(e.leader.key);
    if (task == nullptr || leader == nullptr) {
        // A record of this snapshot may still tell the tids from before.
        round_dirty_ = round_dirty_ || in_round_;
        gap_open_ = gap_open_ || !in_round_;
        return;
    }
    exchange(*task, *leader);
    task->start_boottime_ns = e.task.start_boottime_ns;
    change.task = task;
}

void World::on(const Event& /*event*/, const nst_ns_switch& e, Change& change) {
    Task* task = find_key(e.task.key);
    const bool leaves = e.after.nsproxy == 0;
    if (task == nullptr) {
        if (leaves && e.actor_key != e.task.key) {
            account_.forks_failed++;
        } else if (in_round_) {
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
    if (leaves) {
        if (task->nsproxy == 0) {
            return;  // told by exit_task_namespaces and by switch_task_namespaces in it
        }
        leave_nsproxy(*task);
        set_state(*task, TaskState::zombie);
    } else {
        set_namespaces(*task, e.after.nsproxy, NsSet(e.after));
    }
    account_.switches[std::min<std::uint32_t>(e.via, NST_switch_via_end - 1)]++;
}

void World::on(const Event& /*event*/, const nst_cred_user_ns& e, Change& change) {
    account_.user_ns_switches++;
    if (Task* task = find_key(e.task.key); task != nullptr) {
        touch(*task);
        set_slot(*task, Slot::user, e.after);
        change.task = task;
    } else if (in_round_) {
        pending_[e.task.key].user = e.after;
    }
}

}  // namespace nstrail
