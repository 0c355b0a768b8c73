// SPDX-License-Identifier: Apache-2.0
// Engine: the bookkeeping of tasks, their sets, numbers, processes and cgroups.
#include <utility>

#include "model/engine.hpp"

namespace nstrail {

TaskRecord* Engine::find_key(std::uint64_t key) {
    const TaskSlot slot = by_key_.find(key);
    return slot == no_task ? nullptr : &state_.tasks.at(slot);
}

TaskRecord& Engine::add_task(const nst_task_ref& ref) {
    const auto [slot, task] = state_.tasks.allocate();
    task.key = ref.key;
    task.start_boottime_ns = ref.start_boottime_ns;
    task.tid = ref.tid;
    task.tgid = ref.tgid;
    by_key_.meet(ref.key) = slot;
    state_.by_tid.at(ref.tid) = slot;
    return task;
}

void Engine::unindex_tid(std::uint32_t tid, TaskSlot slot) {
    if (TaskSlot& holder = state_.by_tid.at(tid); holder == slot) {
        holder = no_task;
    }
}

void Engine::drop_task(TaskSlot slot, TaskRecord& task) {
    sets_.release(task.set, task.state == TaskState::zombie, state_.now);
    if (task.leader()) {
        // The process is gone. Its children may hold on to it for its heir; if it held on to its
        // own parent then, a line of processes that fork and exit would grow for ever.
        state_.processes.forget_parent(task.process);
    }
    state_.processes.release(task.process);
    cgroups_.release(task.cgroup);
    unindex_tid(task.tid, slot);
    by_key_.erase(task.key);
    state_.tasks.release(slot, task);
}

/// It turns out to be gone: its release was lost.
void Engine::lose(TaskRecord& task, Change& change) {
    state_.account.tasks_dropped++;
    change.dropped.push_back(task);
    drop_task(slot_of(task), task);
}

/// Ends whoever else has the address or the number of a task that is known to be.
void Engine::evict(const nst_task_ref& ref, std::uint64_t& counter, Change& change) {
    const TaskSlot by_key = by_key_.find(ref.key);
    const TaskSlot by_tid = state_.slot_by_tid(ref.tid);
    if (by_key == no_task && by_tid == no_task) {
        return;
    }
    for (const TaskSlot slot : {by_key, by_tid}) {
        TaskRecord& task = state_.tasks.at(slot);
        if (task.key == 0) {
            continue;
        }
        // The iterator may have told the very task before task_newtask did.
        const bool same = task.key == ref.key && task.start_boottime_ns == ref.start_boottime_ns;
        if (!same) {
            counter++;
            change.dropped.push_back(task);
        }
        drop_task(slot, task);
    }
}

void Engine::exchange(TaskRecord& one, TaskRecord& other) {
    std::swap(one.tid, other.tid);
    std::swap(one.vpids, other.vpids);
    std::swap(one.pid_key, other.pid_key);
    state_.by_tid.at(one.tid) = slot_of(one);
    state_.by_tid.at(other.tid) = slot_of(other);
    touch(one);
    touch(other);
}

/// A leader that ends under another tid gave its own to the thread that had that one and executes a
/// program (de_thread): exchange_tids was not seen.
void Engine::learn_exchange(TaskRecord& leader, const nst_task_ref& now) {
    const TaskSlot slot = leader.tid == now.tid ? no_task : state_.slot_by_tid(now.tid);
    if (slot == no_task) {
        return;
    }
    TaskRecord& thread = state_.tasks.at(slot);
    thread.start_boottime_ns = leader.start_boottime_ns;
    exchange(leader, thread);
}

void Engine::touch(TaskRecord& task) {
    // Also while those are looked for that the round did not tell.
    if (in_round_ || sweep_at_ != 0) {
        task.live_round = round_;
    }
    task.soft = false;
}

/// Its set is what live events told, and nothing was lost since: a snapshot can only know an older
/// one. That happens, as switches are told when the function that makes them is entered, and a
/// snapshot may begin and read the task before it has taken effect.
bool Engine::exact(const TaskRecord& task) const {
    constexpr std::uint64_t switches =
        1ULL << NST_HOOK_switch_namespaces | 1ULL << NST_HOOK_exit_namespaces;
    const nst_session& session = state_.session;
    const std::uint64_t told = session.hooks & ~session.silent_hooks & ~session.uncounted_hooks;
    return task.set_era == era_ && (told & switches) == switches;
}

/// What was told of a namespace ahead of the event that says whether it is new.
NsRecord& Engine::learn_early_facts(NsRecord& ns) {
    if (const nst_namespace* early = early_facts_.find(ns.inum); early != nullptr) {
        const nst_namespace facts = *early;
        early_facts_.erase(facts.inum);
        // Of another type they are about one whose birth was lost.
        if (facts.type == static_cast<nst_u32>(ns.type)) {
            return namespaces_.learn(facts, state_.now, true);
        }
    }
    return ns;
}

void Engine::set_set(TaskRecord& task, std::uint64_t nsproxy, const NsSet& set,
                     std::uint32_t guess) {
    const bool zombie = task.state == TaskState::zombie;
    // What somebody is in is known already, and as what it is: a set that is held never has
    // anything else (see Sets::forget). Facts that came early have to be looked at all the same.
    const bool early = !early_facts_.empty();
    auto shared = early ? std::nullopt : sets_.share(nsproxy, set, guess, zombie);
    if (!shared) {
        const NsSet before = state_.set_of(task).ns;
        const NsSet met = before.includes(set) ? set : meet_all(before, set);
        if (early || met != set) {
            shared = sets_.share(nsproxy, met, 0, zombie);
        }
        if (!shared) {
            task.set = sets_.change(task.set, nsproxy, met, zombie, state_.now);
        }
    }
    if (shared) {
        sets_.release(std::exchange(task.set, *shared), zombie, state_.now);
    }
}

/// Makes all known that is in a set and was not before. Returns what there is of it, after all.
NsSet Engine::meet_all(const NsSet& before, NsSet set) {
    const std::uint64_t ends = namespaces_.ends();
    for (const Slot slot : all_slots) {
        if (set[slot] != 0 && set[slot] != before[slot]) {
            meet(set[slot], slot_type(slot));
        }
    }
    if (namespaces_.ends() == ends) {
        return set;
    }
    // One inum under two types (a death and a birth were lost): meeting the one ended the other.
    for (const Slot slot : all_slots) {
        const NsRecord* ns = namespaces_.look(set[slot]);
        if (ns == nullptr || ns->type != slot_type(slot)) {
            set[slot] = 0;
        }
    }
    return set;
}

void Engine::set_slot(TaskRecord& task, Slot slot, std::uint32_t inum) {
    const SetRecord& now = state_.set_of(task);
    if (now.ns[slot] != inum) {
        NsSet set = now.ns;
        set[slot] = inum;
        set_set(task, now.nsproxy, set);
    }
}

void Engine::leave_nsproxy(TaskRecord& task) {
    const NsSet& now = state_.set_of(task).ns;
    NsSet left;
    for (const Slot slot : {Slot::pid, Slot::user}) {
        left[slot] = now[slot];
    }
    set_set(task, 0, left);
}

void Engine::set_state(TaskRecord& task, TaskState state) {
    const int by = (state == TaskState::zombie ? 1 : 0) - (task.state == TaskState::zombie ? 1 : 0);
    task.state = state;
    if (by != 0) {
        sets_.add_zombie(task.set, by);
    }
}

void Engine::set_vector(TaskRecord& task, std::span<const nst_pid_nr> vector) {
    task.vpids = PidVector(vector);
    std::uint32_t parent = 0;
    for (std::uint32_t level = 0; level < vector.size(); level++) {
        if (vector[level].pid_namespace == 0) {
            continue;
        }
        NsRecord& ns = meet(vector[level].pid_namespace, NST_ns_type_pid);
        if (!ns.facts) {
            ns.parent = parent;
            ns.level = level;
        }
        parent = ns.inum;
    }
    note_init(task);
}

void Engine::note_init(const TaskRecord& task) {
    if (NsRecord* active = namespaces_.edit(task.vpids.innermost().pid_namespace);
        active != nullptr && task.vpids.innermost().nr == 1) {
        active->init_tgid = task.tgid;
    }
}

/// The parent that a snapshot read may have died since, during the round.
void Engine::set_parent(const TaskRecord& task, std::uint32_t ppid) {
    // A loop could only come from a damaged stream; a line as long, from one who makes it so.
    for (int steps = 0; steps < 1024; steps++) {
        const std::uint32_t* heir = heirs_.find(ppid);
        if (heir == nullptr) {
            state_.processes.set_parent(task.process, ppid);
            return;
        }
        ppid = *heir;
        if (ppid == 0) {
            break;
        }
    }
    state_.processes.forget_parent(task.process);
}

/// `whole`: all threads of its process are there, and not this one alone (threaded cgroups).
void Engine::set_cgroup(TaskRecord& task, std::uint64_t id, bool whole, std::uint32_t guess) {
    if (id == 0 || task.process <= Processes::unknown) {
        return;
    }
    const std::uint32_t index = cgroups_.acquire(id, guess);
    ProcessRecord& process = state_.processes.at(task.process);
    if (whole || process.cgroup == 0) {
        cgroups_.release(std::exchange(process.cgroup, index));
        process.cgroup_moves++;
        cgroups_.release(std::exchange(task.cgroup, 0));
    } else if (index == process.cgroup) {
        cgroups_.release(index);
        cgroups_.release(std::exchange(task.cgroup, 0));
    } else {
        cgroups_.release(std::exchange(task.cgroup, index));
        task.cgroup_moves = process.cgroup_moves;
    }
}

void Engine::set_exe(const TaskRecord& task, std::string_view path) {
    if (task.process <= Processes::unknown || path.empty() || state_.exe_of(task) == path) {
        return;
    }
    names_.release(std::exchange(state_.processes.at(task.process).exe, names_.acquire(path)));
}

}  // namespace nstrail
