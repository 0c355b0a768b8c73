// SPDX-License-Identifier: Apache-2.0
#include "model/why.hpp"

#include <algorithm>

#include <boost/unordered/unordered_flat_set.hpp>

#include "model/state.hpp"

namespace nstrail {

std::string_view hold_kind_name(HoldKind kind) {
    switch (kind) {
        case HoldKind::task:
            return "task";
        case HoldKind::zombie:
            return "zombie";
        case HoldKind::for_children:
            return "for_children";
        case HoldKind::child:
            return "child";
        case HoldKind::owned:
            return "owned";
        case HoldKind::file:
            return "file";
        case HoldKind::pidfd:
            return "pidfd";
        case HoldKind::socket:
            return "socket";
        case HoldKind::mount:
            return "mount";
    }
    __builtin_unreachable();
}

namespace {

HoldKind kind_of_holder(nst_holder_what what) {
    switch (what) {
        case NST_holder_what_mount:
            return HoldKind::mount;
        case NST_holder_what_socket:
            return HoldKind::socket;
        case NST_holder_what_pidfd:
            return HoldKind::pidfd;
        default:
            return HoldKind::file;
    }
}

/// How a task holds the namespace by what it refers to; empty if it does not.
std::optional<HoldKind> hold_of(const Task& task, const Namespace& ns) {
    std::optional<HoldKind> kind;
    const NsSet& set = task.ns();
    for (const Slot slot : all_slots) {
        if (set[slot] != ns.inum() || slot_type(slot) != ns.type()) {
            continue;
        }
        if (!for_children(slot)) {
            return task.state() == TaskState::zombie ? HoldKind::zombie : HoldKind::task;
        }
        kind = HoldKind::for_children;
    }
    return kind;
}

void add_tasks(const View& view, const Namespace& ns, std::vector<Hold>& to) {
    boost::unordered_flat_set<std::uint64_t> told;
    for (const Task& task : view.tasks()) {
        const auto kind = hold_of(task, ns);
        if (kind &&
            told.insert(std::uint64_t{task.tgid()} << 8 | static_cast<unsigned>(*kind)).second) {
            to.push_back(
                {.kind = *kind, .task = task, .tid = task.tid(), .ns = {}, .fd = 0, .path = {}});
        }
    }
}

void add_namespaces(const View& view, const Namespace& ns, std::vector<Hold>& to) {
    for (const Namespace& other : view.namespaces()) {
        const bool child = other.type() == ns.type() && other.record().parent == ns.inum();
        const bool owned = ns.type() == NST_ns_type_user && other.record().owner == ns.inum();
        if (child || (owned && other.inum() != ns.inum())) {
            to.push_back({.kind = child ? HoldKind::child : HoldKind::owned,
                          .task = {},
                          .tid = 0,
                          .ns = other,
                          .fd = 0,
                          .path = {}});
        }
    }
}

void add_found(const View& view, const Namespace& ns, std::vector<Hold>& to) {
    const Holders& holders = view.holders();
    // An inum that was found held before this namespace was made was another's.
    if (ns.record().born && ns.record().first_seen_ns > holders.at_boot_ns) {
        return;
    }
    for (const Holder& holder : holders.all) {
        if (holder.inum != ns.inum() || holder.type != ns.type()) {
            continue;
        }
        auto task = view.task(holder.task.tid);
        const std::uint64_t start = holder.task.start_boottime_ns;
        if (task && start != 0 && task->start_boottime_ns() != start) {
            task.reset();
        }
        to.push_back({.kind = kind_of_holder(holder.what),
                      .task = std::move(task),
                      .tid = holder.what == NST_holder_what_mount ? 0 : holder.task.tid,
                      .ns = view.ns(holder.mnt),
                      .fd = holder.fd,
                      .path = holder.path});
    }
}

std::vector<std::string> doubts_of(const View& view) {
    std::vector<std::string> doubts;
    const Holders& holders = view.holders();
    if (!view.synchronized()) {
        doubts.emplace_back("the first snapshot is not complete");
    } else if (!view.certain()) {
        doubts.emplace_back("events were lost and the next snapshot is not complete");
    }
    if (holders.at_boot_ns == 0) {
        doubts.emplace_back("open files, sockets and mounts were not looked at");
    } else if (!holders.complete) {
        doubts.emplace_back("something was lost while open files were looked at");
    }
    for (const Holder& holder : holders.all) {
        if (holder.what == NST_holder_what_unreadable) {
            doubts.push_back(holder.path);
        }
    }
    std::ranges::sort(doubts);
    doubts.erase(std::ranges::unique(doubts).begin(), doubts.end());
    return doubts;
}

}  // namespace

Why why_of(const View& view, const Namespace& ns) {
    Why why;
    add_tasks(view, ns, why.holds);
    add_namespaces(view, ns, why.holds);
    add_found(view, ns, why.holds);
    std::ranges::stable_sort(why.holds, {}, &Hold::kind);
    why.doubts = doubts_of(view);
    if (view.holders().at_boot_ns != 0) {
        why.looked_at_boot_ns = view.holders().at_boot_ns;
    }
    if (ns.record().references != 0) {
        why.references = ns.record().references;
    }
    return why;
}

}  // namespace nstrail
