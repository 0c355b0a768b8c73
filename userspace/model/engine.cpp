// SPDX-License-Identifier: Apache-2.0
// Engine: sessions, snapshots, loss, namespaces and what holds them.
#include "model/engine.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "event/reflect.hpp"
#include "event/session.hpp"

namespace nstrail {

namespace {

// What one event may sweep: well below a millisecond of work.
constexpr std::uint32_t sweep_slots = 16384;
constexpr std::uint32_t sweep_drops = 1024;
constexpr std::uint32_t sweep_namespaces = 4096;

}  // namespace

Engine::Engine()
    : namespaces_(state_.namespaces, state_.account,
                  [this](std::uint32_t first_place) { sets_.forget(first_place); }),
      sets_(state_.sets, state_.namespaces),
      cgroups_(state_.cgroups),
      names_(state_.names) {}

Change Engine::apply(const Event& event) {
    state_.now = std::max(state_.now, event.boot_ns());
    state_.account.events[event.kind()]++;
    Change change;
    const bool was_certain = state_.certain;
    with_fixed_part(event, [&](const auto& fixed) { on(event, fixed, change); });
    if (sweep_at_ != 0) {
        sweep(change);
    }
    state_.processes.take_gone([&](std::uint32_t cgroup, std::uint32_t exe) {
        cgroups_.release(cgroup);
        names_.release(exe);
    });
    if (untidy_ != 0) {
        tidy();
    }
    if (const bool now_certain = certain(); now_certain != was_certain) [[unlikely]] {
        state_.certain = now_certain;
        change.became_certain = now_certain;
        change.became_uncertain = was_certain;
    }
    change.by_itself = change.actor != nullptr && change.actor == change.task;
    return change;
}

void Engine::on(const Event& /*event*/, const nst_session& e, Change& /*change*/) {
    if (state_.session.header.kind != 0 && !continues(e, state_.session)) {
        begin_again();
    }
    state_.session = e;
}

/// Another session: its keys mean nothing in this one, and what happened in between nobody told.
/// All but what was counted is forgotten; a snapshot comes, or a keyframe is just this.
void Engine::begin_again() {
    for (TaskSlot slot = 1; slot <= state_.tasks.last(); slot++) {
        if (TaskRecord& task = state_.tasks.at(slot); task.key != 0) {
            drop_task(slot, task);
        }
    }
    sets_.drop_kept(state_.now);
    namespaces_.begin_again();
    state_.holders = std::make_shared<Holders>();
    state_.requests = {};
    looking_.reset();
    forget_round();
    early_facts_.clear();
    sweep_held_.clear();
    forget_pending();
    in_round_ = round_dirty_ = gap_open_ = state_.synchronized = false;
    round_ = sweep_at_ = sweep_ns_at_ = 0;
}

void Engine::on(const Event& /*event*/, const nst_mark& e, Change& /*change*/) {
    switch (e.what) {
        case NST_mark_what_snapshot_begin:
            begin_round(e.round);
            break;
        case NST_mark_what_snapshot_end:
            if (in_round_ && e.round == round_) {
                end_round();
            }
            break;
        case NST_mark_what_holders_begin:
            looking_ = std::make_shared<Holders>();
            looking_->complete = true;
            namespaces_.meeting_old(state_.holders->at_boot_ns == 0);
            break;
        case NST_mark_what_holders_end:
            finish_holders();
            break;
        default:
            break;
    }
}

void Engine::begin_round(std::uint32_t round) {
    in_round_ = true;
    round_ = round;
    round_dirty_ = false;
    forget_round();
}

void Engine::forget_round() {
    tombstones_.clear();
    heirs_.clear();
    freed_.clear();
    untidy_ = decltype(pending_)::shard_count;
}

void Engine::forget_pending() {
    pending_.clear();
    untidy_ = decltype(pending_)::shard_count;
}

/// Gives back what these two left, a part with each event.
void Engine::tidy() {
    tombstones_.tidy();
    pending_.tidy();
    heirs_.tidy();
    freed_.tidy();
    untidy_--;
}

void Engine::end_round() {
    in_round_ = false;
    state_.account.snapshots++;
    forget_round();
    forget_pending();
    if (round_dirty_) {
        // Something was lost while it was told: it proves nothing, and another is wanted.
        gap_open_ = true;
        return;
    }
    state_.account.resyncs += state_.synchronized && gap_open_ ? 1 : 0;
    sweep_closes_gap_ = gap_open_ || (sweep_at_ != 0 && sweep_closes_gap_);
    gap_open_ = false;  // one that opens during the sweep stays open
    sweep_round_ = round_;
    sweep_began_ns_ = state_.now;
    sweep_at_ = 1;
    sweep_ns_at_ = 0;
}

/// Drops tasks that the round did not tell.
void Engine::sweep(Change& change) {
    std::uint32_t dropped = 0;
    const TaskSlot until = std::min(sweep_at_ + sweep_slots, state_.tasks.last() + 1);
    while (sweep_at_ < until && dropped < sweep_drops) {
        const TaskRecord& task = state_.tasks[sweep_at_];
        if (task.key != 0 && std::max(task.seen_round, task.live_round) < sweep_round_) {
            // Where releases are not seen, this is how one is learned before sched_process_free.
            Account& account = state_.account;
            (hooked(NST_HOOK_release_task) ? account.tasks_dropped : account.tasks_released)++;
            change.dropped.push_back(task);
            drop_task(sweep_at_, state_.tasks.at(sweep_at_));
            dropped++;
        }
        sweep_at_++;
    }
    if (sweep_at_ > state_.tasks.last()) {
        sweep_unheld();
    }
}

/// After the tasks, in slices too: namespaces that nothing refers to.
void Engine::sweep_unheld() {
    const bool ends_seen = hooked(NST_HOOK_inum_free) || hooked(NST_HOOK_inum_free_done);
    if (sweep_ns_at_ == 0) {
        sweep_ns_at_ = 1;
        sweep_held_ = held_inums();
    }
    const NsTable::Index last = state_.namespaces.last();
    const NsTable::Index until = std::min(sweep_ns_at_ + sweep_namespaces, last + 1);
    std::vector<std::uint32_t> unheld;
    state_.namespaces.each(sweep_ns_at_, until, [&](const NsRecord& ns) {
        const bool seen = ns.task_sets + ns.child_sets != 0 || ns.seen_round >= sweep_round_ ||
                          ns.first_seen_ns > sweep_began_ns_ || sweep_held_.contains(ns.inum);
        if (!seen && state_.synchronized) {
            unheld.push_back(ns.inum);
        }
    });
    for (const std::uint32_t inum : unheld) {
        if (!ends_seen) {
            namespaces_.forget(inum);
        } else if (sweep_closes_gap_) {
            namespaces_.edit(inum)->certain = false;
        }
    }
    sweep_ns_at_ = until;
    if (until <= last) {
        return;
    }
    sweep_at_ = sweep_ns_at_ = 0;
    sweep_held_.clear();
    state_.synchronized = true;
    namespaces_.synchronized();
}

void Engine::on(const Event& /*event*/, const nst_gap& e, Change& /*change*/) {
    const auto cause = std::min<std::uint32_t>(e.cause, NST_gap_cause_end - 1);
    state_.account.gaps[cause]++;
    state_.account.lost[cause] += e.lost;
    gap_open_ = true;
    era_++;
    forget_pending();
    round_dirty_ = round_dirty_ || in_round_;
    if (looking_) {
        looking_->complete = false;
    }
}

void Engine::on(const Event& /*event*/, const nst_namespace& e, Change& change) {
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
    const NsRecord* known = namespaces_.look(e.inum);
    const bool told = known != nullptr && known->last_pid_round == round_;
    const bool newer = e.round == 0 || !hooked(NST_HOOK_alloc_pid) || (gap_open_ && !told);
    change.ns = &namespaces_.learn(e, state_.now, newer);
}

void Engine::on(const Event& /*event*/, const nst_inum_alloc& e, Change& change) {
    change.actor = state_.find_task(e.actor_tid);
    freed_.erase(e.inum);
    namespaces_.allocated(e, change.actor != nullptr ? change.actor->name() : "");
}

void Engine::on(const Event& /*event*/, const nst_inum_free& e, Change& change) {
    const bool pair = hooked(NST_HOOK_inum_free) && hooked(NST_HOOK_inum_free_done);
    const NsRecord* live = namespaces_.look(e.inum);
    const NsType type = live != nullptr ? live->type : NST_ns_type_none;
    if (!namespaces_.freed(e, pair)) {
        return;
    }
    change.ended = type;
    if (in_round_) {
        freed_[e.inum] = true;
    }
}

void Engine::on(const Event& /*event*/, const nst_ns_holder& e, Change& change) {
    if (!looking_ || e.what >= NST_holder_what_end || e.type >= NST_ns_type_end) {
        return;
    }
    looking_->all.push_back({.what = static_cast<nst_holder_what>(e.what),
                             .type = static_cast<NsType>(e.type),
                             .inum = e.inum,
                             .task = e.task,
                             .fd = e.fd,
                             .mnt = e.mnt,
                             .path = std::string(text_of(e.path, sizeof(e.path)))});
    change.task = find_key(e.task.key);
    change.ns = namespaces_.find(e.inum);
}

/// What the last round of looking found held, with all that this in turn holds: parents and owners.
boost::unordered_flat_set<std::uint32_t> Engine::held_inums() const {
    boost::unordered_flat_set<std::uint32_t> held;
    std::vector<std::uint32_t> next;
    for (const Holder& holder : state_.holders->all) {
        next.push_back(holder.inum);
    }
    while (!next.empty()) {
        const std::uint32_t inum = next.back();
        next.pop_back();
        if (const NsRecord* ns = namespaces_.find(inum);
            ns != nullptr && held.insert(inum).second) {
            next.push_back(ns->parent);
            next.push_back(ns->owner);
        }
    }
    return held;
}

/// Whether a pid or user namespace is still known although its parent, which it would hold, has
/// gone or is another namespace by now: then its own end was lost, maybe in a way that makes no
/// gap.
bool Engine::outlived(const NsRecord& ns) const {
    if ((ns.type != NST_ns_type_pid && ns.type != NST_ns_type_user) || ns.parent == 0) {
        return false;
    }
    const NsRecord* parent = namespaces_.find(ns.parent);
    return parent == nullptr || (parent->born && parent->first_seen_ns > ns.first_seen_ns);
}

void Engine::finish_holders() {
    namespaces_.meeting_old(false);
    if (!looking_) {
        return;
    }
    looking_->at_boot_ns = state_.now;
    state_.holders = std::exchange(looking_, nullptr);
    if (!state_.holders->complete) {
        return;
    }
    // Those whose end may have been lost: they are held, or they have gone.
    const auto held = held_inums();
    std::vector<std::uint32_t> doubtful;
    state_.namespaces.each([&](const NsRecord& ns) {
        if (!ns.certain || outlived(ns)) {
            doubtful.push_back(ns.inum);
        }
    });
    for (const std::uint32_t inum : doubtful) {
        NsRecord& ns = *namespaces_.edit(inum);
        if (ns.task_sets + ns.child_sets != 0 || held.contains(inum)) {
            ns.certain = true;
        } else {
            namespaces_.forget(inum);
        }
    }
}

}  // namespace nstrail
