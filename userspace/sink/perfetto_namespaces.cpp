// SPDX-License-Identifier: Apache-2.0
#include "sink/perfetto_namespaces.hpp"

#include <algorithm>
#include <utility>

#include "rules/rule.hpp"

namespace nstrail {

void NsLives::take(const Event& event, const Change& change, bool wanted) {
    if (change.ended != NST_ns_type_none) {
        if (const auto at = lives_.find(event.as<nst_inum_free>().inum); at != lives_.end()) {
            at->second.tell(stage_.now);
            at->second.wanted = at->second.wanted || wanted;
            end(at->second, stage_.now, Ended::seen);
            lives_.erase(at);
            entered_ = {};
        }
    }
    if (change.ns != nullptr) {
        entered_ = {};
        NsLife* life = meet(change.ns->inum, event);
        life->wanted = life->wanted || wanted;
    }
    if (change.transition) {
        for (const Slot slot : all_slots) {
            if (change.transition->before[slot] != change.transition->after[slot]) {
                meet(change.transition->before[slot], event);
            }
        }
    }
    if (change.released) {
        for (const Slot slot : {Slot::pid, Slot::user}) {
            meet(change.released_ns[slot], event);
        }
    }
    if (change.task != nullptr) {
        enter(stage_.world.set_of(*change.task), event, wanted);
        if (event.kind() == NST_KIND_task_new || event.kind() == NST_KIND_task_seen) {
            for (const nst_pid_nr& one : change.task->vpids.span()) {
                meet(one.pid_namespace, event);
            }
        }
    }
}

void NsLives::enter(const NsSet& set, const Event& event, bool wanted) {
    if (set == entered_ && !stage_.filtered) {
        return;
    }
    entered_ = set;
    for (const Slot slot : all_slots) {
        if (NsLife* life = meet(set[slot], event); life != nullptr) {
            life->entered = true;
            life->wanted = life->wanted || wanted;
        }
    }
}

/// The life of the namespace that has that number now, as the model has it; null where it has none.
NsLives::NsLife* NsLives::meet(std::uint32_t inum, const Event& event) {
    const NsRecord* ns = inum == 0 ? nullptr : stage_.world.find_namespace(inum);
    if (ns == nullptr) {
        return nullptr;
    }
    const bool kept = event.kind() == NST_KIND_ns_kept;
    auto at = lives_.find(inum);
    // A keyframe says afterwards of which generation those are that it told.
    if (at != lives_.end() && (at->second.type != ns->type || at->second.gen != ns->gen) && !kept) {
        end(at->second, stage_.now, Ended::unknown);
        lives_.erase(at);
        at = lives_.end();
    }
    if (at == lives_.end()) {
        at = lives_.try_emplace(inum).first;
        at->second.track.thread = stage_.writer.number();
        at->second.inum = inum;
        at->second.wanted = !stage_.filtered;
        at->second.begin = stage_.now;
        at->second.begun =
            stage_.world.synchronized() || stage_.session > 1 ? Begun::unknown : Begun::before;
    }
    NsLife& life = at->second;
    if (ns->born && life.begun != Begun::seen) {
        life.begun = Begun::seen;
        life.begin = std::min(ns->first_seen_ns, stage_.now);
    }
    life.tell(stage_.now);
    life.entered = life.entered || kept;
    learn(life, *ns);
    return &life;
}

void NsLives::learn(NsLife& life, const NsRecord& ns) {
    life.certain = ns.certain;
    life.type = ns.type;
    life.gen = ns.gen;
    life.id = ns.id;
    const auto since = [&](std::uint64_t known, bool is, std::uint64_t told) {
        return !is ? 0 : known != 0 ? known : std::min(told, stage_.now);
    };
    life.dying_since = since(life.dying_since, ns.dying, ns.dying_since_ns);
    life.emptied = since(life.emptied, ns.task_sets == 0, ns.emptied_ns);
    life.parent = ns.parent;
    life.owner = ns.owner;
    life.level = ns.level;
    life.creator_tid = ns.born ? ns.creator_tid : 0;
    life.creator_comm = ns.creator_comm;
    if (life.emptied != 0) {
        entered_ = {};  // who comes into it now is to be seen
    }
}

std::string_view NsLives::how_switched(const Transition& change, std::uint32_t tid) const {
    // With that hook no birth is missed but by a loss.
    const bool births_seen =
        stage_.world.certain() && (stage_.world.session().hooks >> NST_HOOK_inum_alloc & 1) != 0;
    bool made = true;
    bool met = true;
    for (const Slot slot : all_slots) {
        const std::uint32_t inum = change.after[slot];
        if (inum == change.before[slot]) {
            continue;
        }
        const NsRecord* ns = inum == 0 ? nullptr : stage_.world.find_namespace(inum);
        if (ns == nullptr) {
            return "switch";
        }
        const auto at = lives_.find(inum);
        const bool entered = at != lives_.end() && at->second.gen == ns->gen && at->second.entered;
        made = made && ns->born && ns->creator_tid == tid && !entered;
        met = met && (entered || (ns->born ? ns->creator_tid != tid : births_seen));
    }
    return made ? "unshare" : met ? "setns" : "switch";
}

void NsLives::end(const NsLife& life, std::uint64_t now, Ended ended) {
    const std::uint64_t until = life.end_at(now);
    if (life.hidden(stage_, until)) {
        return;
    }
    NsLife shown = life;
    std::uint32_t& process = processes_[life.type];
    const bool first = process == 0;
    process = first ? stage_.writer.number() : process;
    shown.track.process = process;
    if (first) {
        stage_.writer.process(shown.track, fmt::format("{} namespaces", type_name(life.type)),
                              life.type);
    }
    const bool hierarchical = life.type == NST_ns_type_pid || life.type == NST_ns_type_user;
    const std::string name =
        ns_name(life.type, life.inum) + (life.gen > 1 ? fmt::format(" gen {}", life.gen) : "");
    stage_.writer.thread(shown.track, name);
    TraceArgs args;
    args.text("type", type_name(life.type));
    args.number("inum", life.inum);
    args.number("gen", life.gen);
    args.number_if("id", life.id);
    args.number_if("parent", life.parent);
    args.number_if("owner", life.owner);
    if (hierarchical && (life.parent != 0 || life.level == 0)) {
        args.number("level", life.level);
    }
    if (life.creator_tid != 0) {
        args.number("creator_tid", life.creator_tid);
        args.text_if("creator", text_of(life.creator_comm.data(), life.creator_comm.size()));
    }
    // Both last until its end, so the one that began first is around the other.
    Phase outer{.name = "dying", .from = life.dying_since};
    Phase inner{.name = "without tasks", .from = life.emptied};
    if (outer.from > inner.from) {
        std::swap(outer, inner);
    }
    shown.write(stage_, "namespace", name, until, ended, args, {outer, inner});
}

void NsLives::suspend() {
    for (const auto& [inum, life] : lives_) {
        suspended_.insert_or_assign(inum, life);
    }
    lives_.clear();
    entered_ = {};
}

void NsLives::settle() {
    // Without an id of the kernel's, a number tells of no identity across sessions, unless a
    // keyframe told its generation.
    for (NsLife* old : by_row<NsLife>(suspended_)) {
        const auto at = lives_.find(old->inum);
        const bool same = at != lives_.end() && at->second.type == old->type &&
                          (at->second.id != 0 && old->id != 0 ? at->second.id == old->id
                                                              : at->second.gen == old->gen);
        if (same) {
            NsLife& life = at->second;
            life.track = old->track;
            life.begin = old->begin;
            life.begun = old->begun;
            life.wanted = life.wanted || old->wanted;
        } else {
            end(*old, stage_.recorded, Ended::unknown);
        }
    }
    suspended_.clear();
    for (NsLife* life : by_row<NsLife>(lives_)) {
        const NsRecord* ns = stage_.world.find_namespace(life->inum);
        if (ns == nullptr || ns->gen != life->gen) {
            const std::uint32_t inum = life->inum;
            end(*life, stage_.recorded, Ended::unknown);
            lives_.erase(inum);
            entered_ = {};
        } else {
            learn(*life, *ns);
        }
    }
}

void NsLives::finish() {
    settle();
    for (NsLife* life : by_row<NsLife>(lives_)) {
        end(*life, stage_.recorded, life->certain ? life->at_the_end(stage_) : Ended::unknown);
    }
    lives_.clear();
}

}  // namespace nstrail
