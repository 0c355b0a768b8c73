// SPDX-License-Identifier: Apache-2.0
#include "model/namespaces.hpp"

#include <vector>

#include "model/kernel_bits.hpp"

namespace nstrail {

NsRecord& Namespaces::create(std::uint32_t inum, NsType type, std::uint64_t boot_ns) {
    NsRecord& made = table_.create(inum);
    made.type = type;
    made.first_seen_ns = boot_ns;
    if (const Candidate* candidate = candidates_.find(inum); candidate != nullptr) {
        made.born = true;
        made.key = candidate->key;
        made.first_seen_ns = candidate->boot_ns;
        made.creator_tid = candidate->creator_tid;
        made.creator_comm = candidate->creator_comm;
        candidates_.erase(inum);
        account_.created[type]++;
    } else if (synchronized_ && !meeting_old_) {
        account_.appeared[type]++;
    }
    return made;
}

void Namespaces::remove(const NsRecord& ns) {
    const std::uint32_t first_place = ns.first_place;
    table_.remove(ns.inum);
    ends_++;
    if (first_place != 0) {
        orphaned_(first_place);
    }
}

NsRecord& Namespaces::meet_new(std::uint32_t inum, NsType type, std::uint64_t boot_ns) {
    if (const NsRecord* other = look(inum); other != nullptr) {
        remove(*other);
    }
    return create(inum, type, boot_ns);
}

bool Namespaces::knows(const nst_namespace& facts) {
    const NsRecord* known = look(facts.inum);
    if (known == nullptr || known->type != static_cast<NsType>(facts.type)) {
        return false;
    }
    const bool other_id = known->id != 0 && facts.id != 0 && known->id != facts.id;
    const bool other_key = known->key != 0 && facts.ns_key != 0 && known->key != facts.ns_key;
    // The last thread of its init was seen to exit, which is then its reaper for ever, and no pid
    // is allocated there any more: whatever has another and gives out pids was made later, in the
    // memory of the first.
    const bool other_init = known->dying_since_ns != 0 &&
                            (facts.pid_allocated & pids_adding) != 0 && facts.reaper_tid != 0 &&
                            facts.reaper_tid != known->zapper_tid &&
                            facts.reaper_tid != known->init_tgid;
    return !other_id && !other_key && !other_init;
}

/// What only the kernel's own structures tell, and ioctls on a file of nsfs do not.
void Namespaces::learn_counts(NsRecord& one, const nst_namespace& facts, std::uint64_t boot_ns,
                              bool newer) {
    one.key = facts.ns_key;
    one.id = facts.id;
    one.references = facts.references;
    if (one.type != NST_ns_type_pid) {
        return;
    }
    one.pid_max = facts.pid_max;
    if (!one.last_pid_known || newer) {
        if (one.last_pid_known && one.last_pid != facts.last_pid) {
            one.last_move = PidMove::snapshot;
            one.last_moved_ns = boot_ns;
            one.told_pids = 0;
            one.mover_tid = 0;
            one.mover_comm = {};
        }
        one.last_pid = facts.last_pid;
        one.last_pid_known = true;
    }
    one.pids_used = facts.pid_allocated & ~pids_adding;
    one.pids_used_known = true;
    one.told_reaper = facts.reaper_tid;
    one.pids_told_ns = facts.header.boot_ns;
    // disable_pid_allocation(): its init is exiting, or its first fork failed.
    if ((facts.pid_allocated & pids_adding) == 0) {
        one.dying = true;
    }
}

NsRecord& Namespaces::learn(const nst_namespace& facts, std::uint64_t boot_ns, bool newer) {
    const auto type = static_cast<NsType>(facts.type);
    if (const NsRecord* known = look(facts.inum); known != nullptr && !knows(facts)) {
        remove(*known);
    }
    NsRecord& one = meet(facts.inum, type, boot_ns);
    one.facts = true;
    one.parent = facts.parent;
    one.owner = facts.owner;
    one.level = facts.level;
    one.creator_uid = facts.creator_uid;
    if (facts.ns_key != 0) {
        learn_counts(one, facts, boot_ns, newer);
    }
    one.seen_round = facts.round != 0 ? facts.round : one.seen_round;
    one.certain = true;
    return one;
}

void Namespaces::allocated(const nst_inum_alloc& event, std::string_view creator) {
    if (const NsRecord* live = look(event.inum); live != nullptr) {
        // It lives, so its free was missed by both hooks, or its exit twin is still to come.
        account_.destroyed[live->type]++;
        remove(*live);
        twins_due_.meet(event.inum)++;
    }
    Candidate candidate{.key = event.ns_key,
                        .boot_ns = event.header.boot_ns,
                        .creator_tid = event.actor_tid,
                        .creator_comm = {}};
    creator.copy(candidate.creator_comm.data(), candidate.creator_comm.size());
    candidates_[event.inum] = candidate;
}

void Namespaces::cloned(std::uint32_t inum, std::uint64_t boot_ns, std::uint32_t creator_tid,
                        std::string_view creator) {
    forget(inum);
    Candidate candidate{
        .key = 0, .boot_ns = boot_ns, .creator_tid = creator_tid, .creator_comm = {}};
    creator.copy(candidate.creator_comm.data(), candidate.creator_comm.size());
    candidates_[inum] = candidate;
}

bool Namespaces::freed(const nst_inum_free& event, bool pair_attached) {
    if (event.point == NST_hook_point_exit) {
        // The exit may come after the number was given out again: only an entry that was skipped
        // counts.
        if (const std::uint32_t due = twins_due_.find(event.inum); due != 0) {
            if (due == 1) {
                twins_due_.erase(event.inum);
            } else {
                twins_due_.meet(event.inum) = due - 1;
            }
            return false;
        }
    } else if (pair_attached) {
        twins_due_.meet(event.inum)++;
    }
    candidates_.erase(event.inum);
    if (const NsRecord* live = look(event.inum); live != nullptr) {
        account_.destroyed[live->type]++;
        if (live->born && event.header.boot_ns >= live->first_seen_ns) {
            account_.lifetimes[live->type].add(event.header.boot_ns - live->first_seen_ns);
        }
        remove(*live);
    }
    return true;
}

void Namespaces::forget(std::uint32_t inum) {
    if (const NsRecord* live = look(inum); live != nullptr) {
        account_.forgotten[live->type]++;
        remove(*live);
    }
}

void Namespaces::begin_again() {
    std::vector<std::uint32_t> all;
    table_.each([&](const NsRecord& ns) { all.push_back(ns.inum); });
    for (const std::uint32_t inum : all) {
        table_.remove(inum);
    }
    candidates_.clear();
    twins_due_.clear();
    synchronized_ = meeting_old_ = false;
}

}  // namespace nstrail
