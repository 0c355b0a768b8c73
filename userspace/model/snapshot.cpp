// SPDX-License-Identifier: Apache-2.0
#include "model/snapshot.hpp"

#include <algorithm>
#include <numeric>

#include "model/world.hpp"

namespace nstrail {

std::string_view ns_state_name(NsState state) {
    switch (state) {
        case NsState::alive:
            return "alive";
        case NsState::dying:
            return "dying";
        case NsState::zapping:
            return "zapping";
        case NsState::empty:
            return "empty";
    }
    __builtin_unreachable();
}

namespace {

using Counts = boost::unordered_flat_map<std::uint32_t, std::uint32_t>;

/// By pid namespace, the tasks that have a number in it, in a namespace below it or as a thread of
/// any process but its init: those that zap_pid_ns_processes() waits for.
Counts waited_for(const std::vector<Snapshot::TaskRow>& tasks, const Namespaces& namespaces) {
    Counts others;
    for (const auto& row : tasks) {
        for (const nst_pid_nr& one : row.task.vpids.span()) {
            const Namespace* ns = namespaces.find(one.pid_namespace);
            if (ns != nullptr && ns->init_tgid != row.task.tgid) {
                others[ns->inum]++;
            }
        }
    }
    return others;
}

}  // namespace

std::shared_ptr<const Snapshot> World::snapshot() const {
    auto out = std::make_shared<Snapshot>();
    out->session = session_;
    out->at_boot_ns = now_;
    out->certain = certain();
    out->synchronized = synchronized_;
    out->lost = std::accumulate(account_.lost.begin(), account_.lost.end(), std::uint64_t{0});
    out->account = account_;
    out->tasks.reserve(by_key_.size());
    for (const TaskSlot slot : by_tid_) {
        if (slot != no_task) {
            out->tasks.push_back(
                {.task = tasks_[slot], .ppid = processes_.parent_tgid(tasks_[slot].process)});
        }
    }
    const Counts others = waited_for(out->tasks, namespaces_);
    // By the init's tgid: its leader, else a thread.
    boost::unordered_flat_map<std::uint32_t, const Task*> reaper;
    Counts not_zombies;
    namespaces_.each([&](const Namespace& ns) {
        if (ns.init_tgid != 0) {
            reaper[ns.init_tgid] = nullptr;
        }
        if (!ns.dying || !others.contains(ns.inum)) {
            return;
        }
        // It is past exit_task_namespaces() but not a zombie before the others are gone.
        const auto zapper = std::ranges::lower_bound(out->tasks, ns.zapper_tid, {},
                                                     [](const auto& row) { return row.task.tid; });
        if (zapper != out->tasks.end() && zapper->task.tid == ns.zapper_tid &&
            zapper->task.ns[Slot::pid] == ns.inum && zapper->task.state == TaskState::zombie) {
            zapper->task.state = TaskState::exiting;
            not_zombies[ns.inum]++;
            not_zombies[zapper->task.ns[Slot::user]]++;
        }
    });
    for (const auto& row : out->tasks) {
        if (row.task.state != TaskState::alive) {
            continue;
        }
        if (const auto at = reaper.find(row.task.tgid);
            at != reaper.end() && (at->second == nullptr || row.task.leader())) {
            at->second = &row.task;
        }
    }
    namespaces_.each([&](const Namespace& ns) {
        Snapshot::NsRow row{.ns = ns, .state = NsState::alive, .reaper_tid = 0, .reaper_comm = {}};
        if (ns.tasks == 0) {
            row.state = NsState::empty;
        } else if (ns.dying) {
            row.state = others.contains(ns.inum) ? NsState::zapping : NsState::dying;
        }
        if (const auto at = not_zombies.find(ns.inum); at != not_zombies.end()) {
            row.ns.zombies -= at->second;
        }
        if (const auto at = reaper.find(ns.init_tgid);
            at != reaper.end() && at->second != nullptr) {
            row.reaper_tid = at->second->tid;
            row.reaper_comm = at->second->name();
        }
        out->namespaces.push_back(std::move(row));
    });
    std::ranges::sort(out->namespaces, [](const auto& a, const auto& b) {
        return std::pair(a.ns.type, a.ns.inum) < std::pair(b.ns.type, b.ns.inum);
    });
    return out;
}

}  // namespace nstrail
