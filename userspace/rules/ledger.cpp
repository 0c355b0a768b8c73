// SPDX-License-Identifier: Apache-2.0
#include "rules/ledger.hpp"

#include "event/reflect.hpp"
#include "event/session.hpp"

namespace nstrail {

namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
    return hash ^ hash >> 32;
}

template <class E>
std::uint64_t hash_vector(std::span<const E> vector) {
    std::uint64_t hash = vector.size();
    for (const E& one : vector) {
        hash = mix(hash, std::uint64_t{one.pid_namespace} << 32 | one.nr);
    }
    return hash;
}

}  // namespace

std::uint64_t hash_of(std::span<const nst_pid_nr> vector) {
    return hash_vector(vector);
}

std::uint64_t hash_of(std::span<const nst_pid_request> vector) {
    return hash_vector(vector);
}

std::uint64_t hash_of(const nst_ns_set& set) {
    const auto pair = [](std::uint64_t one, std::uint64_t other) { return one << 32 | other; };
    const std::uint64_t first = mix(pair(set.mnt, set.uts), pair(set.ipc, set.net));
    const std::uint64_t second = mix(first, pair(set.cgroup, set.time));
    return mix(second, pair(set.time_for_children, set.pid_for_children));
}

void Ledger::take(const Event& event) {
    with_fixed_part(event, [&](const auto& fixed) { on(event, fixed); });
    here_++;
}

void Ledger::forget_all() {
    tasks_.clear();
    pids_.clear();
    numbers_.clear();
    inums_.clear();
    nsproxies_.clear();
    groups_.clear();
    freed_pids_.clear();
    freed_inums_.clear();
}

void Ledger::on(const Event& /*event*/, const nst_gap& /*e*/) {
    forget_all();
}

void Ledger::on(const Event& /*event*/, const nst_session& e) {
    if (!continues(e, session_)) {
        forget_all();  // its keys are none of the session before
    }
    session_ = e;
}

void Ledger::on(const Event& /*event*/, const nst_inum_alloc& e) {
    inums_[e.inum] = {.allocated = here_};
}

void Ledger::on(const Event& /*event*/, const nst_inum_free& e) {
    if (e.point != NST_hook_point_entry) {
        return;  // it may come after the number was given out again
    }
    InumLife& life = inums_[e.inum];
    if (InumLife* parent = life.parent != 0 ? inums_.find(life.parent) : nullptr;
        parent != nullptr && parent->children != 0) {
        parent->children--;
    }
    life.parent = 0;
    life.freed = here_;
    if (const std::uint32_t oldest = freed_inums_.push(e.inum); oldest != 0) {
        inums_.erase_if(oldest, [](const InumLife& old) { return !old.live(); });
    }
}

void Ledger::on(const Event& /*event*/, const nst_namespace& e) {
    if (e.parent == 0 || e.round != 0) {
        return;
    }
    InumLife* child = inums_.find(e.inum);
    InumLife* parent = inums_.find(e.parent);
    if (child != nullptr && parent != nullptr && child->live() && parent->live() &&
        child->parent == 0) {
        child->parent = e.parent;
        parent->children++;
        parent->child_told = here_;
    }
}

void Ledger::on(const Event& event, const nst_alloc_pid& e) {
    if (e.error != 0) {
        return;
    }
    const auto vector = event.tail<nst_alloc_pid, nst_pid_request>();
    const nst_pid_request last = vector.empty() ? nst_pid_request{} : vector.back();
    pids_[e.pid_key] = {.allocated = here_,
                        .vector = hash_of(vector),
                        .allocator = e.actor.key,
                        .allocator_tid = e.actor.tid,
                        .innermost = last.pid_namespace,
                        .nr = last.nr};
    for (const nst_pid_request& one : vector) {
        numbers_.meet(number_key(one.pid_namespace, one.nr)) = {.pid_key = e.pid_key,
                                                                .since = here_};
        if (InumLife* ns =
                one.pid_namespace < first_inum ? nullptr : inums_.find(one.pid_namespace);
            ns != nullptr) {
            ns->first_pid = ns->first_pid == not_told ? here_ : ns->first_pid;
            ns->numbers++;
        }
    }
    TaskLife& actor = meet_task(e.actor.key);
    actor.allocated = here_;
    actor.child_pid = e.pid_key;
}

void Ledger::on(const Event& event, const nst_free_pid& e) {
    PidLife& life = pids_[e.pid_key];
    const bool live = life.allocated > life.freed;
    // Its fork failed: that leaves its allocator nothing to wait for.
    TaskLife* allocator = life.attached == not_told ? living(life.allocator) : nullptr;
    if (allocator != nullptr && allocator->child_pid == e.pid_key) {
        allocator->allocated = not_told;
        allocator->child_pid = 0;
    }
    life.freed = here_;
    if (!live) {
        life.vector = hash_of(event.tail<nst_free_pid, nst_pid_nr>());
    }
    // Its entry may have been used again meanwhile.
    if (const std::uint64_t oldest = freed_pids_.push(e.pid_key); oldest != 0) {
        pids_.erase_if(oldest, [](const PidLife& old) { return old.freed > old.allocated; });
    }
    for (const nst_pid_nr& one : event.tail<nst_free_pid, nst_pid_nr>()) {
        numbers_.erase_if(number_key(one.pid_namespace, one.nr),
                          [&](const NumberUser& user) { return user.pid_key == e.pid_key; });
        InumLife* ns =
            !live || one.pid_namespace < first_inum ? nullptr : inums_.find(one.pid_namespace);
        if (ns != nullptr && ns->numbers != 0) {
            ns->numbers--;
        }
    }
}

void Ledger::on(const Event& /*event*/, const nst_task_new& e) {
    if (PidLife* pid = pids_.find(e.pid_key); pid != nullptr) {
        pid->attached = here_;
    }
    TaskLife& actor = meet_task(e.actor.key);
    actor.allocated = not_told;
    actor.child_pid = 0;
    actor.acted = here_;
    TaskLife& task = meet_task(e.task.key);
    leave(task);  // of one there before, whose end was not told
    task = {.born = here_, .pid_key = e.pid_key};
    hold(task, e.ns.nsproxy, hash_of(e.ns));
    if (e.task.tid != e.task.tgid) {
        GroupLife& group = groups_[e.task.tgid];
        group.threads++;
        group.joined = here_;
    }
}

void Ledger::on(const Event& /*event*/, const nst_task_exec& e) {
    TaskLife& task = meet_task(e.task.key);
    task.acted = here_;
    task.exchanged = not_told;
}

void Ledger::on(const Event& /*event*/, const nst_task_release& e) {
    if (e.via == NST_release_via_resync || released(e.task) != nullptr) {
        return;  // a thread that the loop tells again must not count twice
    }
    if (PidLife* pid = pids_.find(e.pid_key); pid != nullptr) {
        pid->released = here_;
        // The leader is released last of its group (REL5), and an init's has number 1.
        InumLife* ns =
            pid->nr == 1 && e.task.tid == e.task.tgid ? inums_.find(pid->innermost) : nullptr;
        if (ns != nullptr) {
            ns->ended = here_;
        }
    }
    TaskLife* task = living(e.task.key);
    const bool thread = e.task.tid != e.task.tgid;
    // One that was born before the ledger began is not among those counted.
    GroupLife* group =
        thread && task != nullptr && task->born != not_told ? groups_.find(e.task.tgid) : nullptr;
    if (!thread || (group != nullptr && --group->threads == 0)) {
        groups_.erase(e.task.tgid);
    }
    TaskLife& gone = task != nullptr ? *task : meet_task(e.task.key);
    leave(gone);
    gone.released = {.at = here_, .start_boottime_ns = e.task.start_boottime_ns};
}

void Ledger::on(const Event& /*event*/, const nst_task_free& e) {
    if (TaskLife* task = living(e.task.key); task != nullptr) {
        leave(*task);
    }
    tasks_.erase(e.task.key);
}

void Ledger::on(const Event& /*event*/, const nst_exchange_tids& e) {
    TaskLife task = meet_task(e.task.key);
    TaskLife& leader = meet_task(e.leader.key);
    task.exchanged = here_;
    std::swap(task.pid_key, leader.pid_key);
    meet_task(e.task.key) = task;
    // Of the two the old leader is the thread now, and counted only if its birth was seen.
    GroupLife* group =
        task.born != not_told && leader.born == not_told ? groups_.find(e.task.tgid) : nullptr;
    if (group != nullptr && --group->threads == 0) {
        groups_.erase(e.task.tgid);
    }
}

void Ledger::on(const Event& /*event*/, const nst_ns_switch& e) {
    if (e.actor_key != e.task.key && living(e.task.key) == nullptr) {
        return;  // half made, its fork has failed
    }
    TaskLife& task = meet_task(e.task.key);
    leave(task);
    task.moved = task.acted = here_;
    if (e.after.nsproxy == 0) {
        task.left = here_;
    } else {
        hold(task, e.after.nsproxy, hash_of(e.after));
    }
}

void Ledger::on(const Event& /*event*/, const nst_cred_user_ns& e) {
    meet_task(e.task.key).acted = here_;
}

void Ledger::hold(TaskLife& task, std::uint64_t nsproxy, std::uint64_t set) {
    task.nsproxy = nsproxy;
    task.set = set;
    if (nsproxy != 0) {
        NsproxyLife& life = nsproxies_[nsproxy];
        if (life.holders++ == 0) {
            life.since = here_;
            life.set = set;
        }
    }
}

void Ledger::leave(TaskLife& task) {
    NsproxyLife* life = task.nsproxy == 0 ? nullptr : nsproxies_.find(task.nsproxy);
    if (life != nullptr && --life->holders == 0) {
        nsproxies_.erase(task.nsproxy);
    }
    task.nsproxy = 0;
}

}  // namespace nstrail
