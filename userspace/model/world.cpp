// SPDX-License-Identifier: Apache-2.0
// World: sessions, snapshots, loss, namespaces and pid numbers.
#include "model/world.hpp"

#include <algorithm>

#include "event/reflect.hpp"

namespace nstrail {

World::World() : namespaces_(account_, [this](std::uint32_t inum) { orphan(inum); }), tasks_(1) {}
World::~World() = default;

Change World::apply(const Event& event) {
    now_ = std::max(now_, event.boot_ns());
    account_.events[event.kind()]++;
    Change change;
    const bool was_certain = certain();
    with_fixed_part(event, [&](const auto& fixed) { on(event, fixed, change); });
    change.became_certain = certain() && !was_certain;
    change.became_uncertain = !certain() && was_certain;
    return change;
}

void World::on(const Event& /*event*/, const nst_session& e, Change& /*change*/) {
    session_ = e;
}

void World::on(const Event& /*event*/, const nst_mark& e, Change& /*change*/) {
    if (e.what == NST_mark_what_snapshot_begin) {
        in_round_ = true;
        round_ = e.round;
        round_dirty_ = false;
        forget_round();
        return;
    }
    if (e.what == NST_mark_what_snapshot_end && in_round_ && e.round == round_) {
        finish_round();
    }
}

void World::forget_round() {
    tombstones_.clear();
    pending_.clear();
    heirs_.clear();
    freed_.clear();
}

void World::finish_round() {
    in_round_ = false;
    account_.snapshots++;
    forget_round();
    if (round_dirty_) {
        // Something was lost while it was told: it proves nothing, and another is wanted.
        gap_open_ = true;
        return;
    }
    for (Task& task : tasks_) {
        if (task.key != 0 && task.seen_round != round_ && task.live_round != round_) {
            // Where releases are not seen, this is how one is learned before sched_process_free.
            (hooked(NST_HOOK_release_task) ? account_.tasks_dropped : account_.tasks_released)++;
            drop_task(task);
        }
    }
    const bool ends_seen = hooked(NST_HOOK_inum_free) || hooked(NST_HOOK_inum_free_done);
    std::vector<std::uint32_t> unheld;
    namespaces_.each([&](Namespace& ns) {
        const bool held = ns.tasks != 0 || ns.children_slots != 0 || ns.seen_round == round_;
        if (!held && synchronized_) {
            unheld.push_back(ns.inum);
        }
    });
    for (const std::uint32_t inum : unheld) {
        if (!ends_seen) {
            namespaces_.forget(inum);
        } else if (gap_open_) {
            namespaces_.find(inum)->certain = false;
        }
    }
    account_.resyncs += synchronized_ && gap_open_ ? 1 : 0;
    synchronized_ = true;
    gap_open_ = false;
    namespaces_.synchronized(true);
}

/// A namespace ended while tasks were thought to be in it: what they refer to is not known any
/// more.
void World::orphan(std::uint32_t inum) {
    for (Task& task : tasks_) {
        for (const Slot slot : all_slots) {
            if (task.ns[slot] == inum) {
                task.ns[slot] = 0;
            }
        }
    }
}

void World::on(const Event& /*event*/, const nst_gap& e, Change& /*change*/) {
    const auto cause = std::min<std::uint32_t>(e.cause, NST_gap_cause_end - 1);
    account_.gaps[cause]++;
    account_.lost[cause] += e.lost;
    gap_open_ = true;
    round_dirty_ = round_dirty_ || in_round_;
}

void World::on(const Event& /*event*/, const nst_namespace& e, Change& change) {
    if (e.inum == 0 || e.type == NST_ns_type_none || e.type >= NST_ns_type_end) {
        return;  // read while it went away
    }
    if (e.round == 0 && !hooked(NST_HOOK_inum_alloc) && !namespaces_.knows(e)) {
        early_facts_[e.inum] = e;
        return;
    }
    if (e.round != 0 && freed_.contains(e.inum)) {
        return;  // read before its end, written after it
    }
    // Allocations tell the last pid better than a snapshot does, unless one may have been lost.
    const Namespace* known = namespaces_.find(e.inum);
    const bool told = known != nullptr && known->last_pid_round == round_;
    const bool newer = e.round == 0 || !hooked(NST_HOOK_alloc_pid) || (gap_open_ && !told);
    change.ns = &namespaces_.learn(e, now_, newer);
}

void World::set_last_pid(Namespace& ns, std::uint32_t last_pid) {
    ns.last_pid = last_pid;
    ns.last_pid_known = true;
    ns.last_pid_round = in_round_ ? round_ : ns.last_pid_round;
}

void World::on(const Event& event, const nst_alloc_pid& e, Change& change) {
    if (e.set_tid_size != 0) {
        (e.error == 0 ? account_.set_tid_granted : account_.set_tid_refused)++;
    }
    if (e.error != 0) {
        account_.alloc_failures[-std::max(e.error, -4095)]++;  // MAX_ERRNO
        return;
    }
    // A number taken in turn moves the cursor; one that was asked for does not (alloc_pid).
    for (const nst_pid_request& one : event.tail<nst_alloc_pid, nst_pid_request>()) {
        if (Namespace* ns = namespaces_.find(one.pid_namespace); ns != nullptr && one.asked == 0) {
            set_last_pid(*ns, one.nr);
        }
    }
    change.ns = namespaces_.find(e.pid_namespace);
}

void World::on(const Event& /*event*/, const nst_free_pid& /*e*/, Change& /*change*/) {}

void World::on(const Event& /*event*/, const nst_inum_alloc& e, Change& /*change*/) {
    const Task* creator = find_task(e.actor_tid);
    freed_.erase(e.inum);
    namespaces_.allocated(e, creator != nullptr ? creator->name() : "");
}

void World::on(const Event& /*event*/, const nst_inum_free& e, Change& /*change*/) {
    const bool pair = hooked(NST_HOOK_inum_free) && hooked(NST_HOOK_inum_free_done);
    if (namespaces_.freed(e, pair) && in_round_) {
        freed_.insert(e.inum);
    }
}

void World::on(const Event& /*event*/, const nst_ns_last_pid& e, Change& change) {
    if (Namespace* ns = namespaces_.find(e.pid_namespace); ns != nullptr) {
        set_last_pid(*ns, e.value);
        change.ns = ns;
    }
}

}  // namespace nstrail
