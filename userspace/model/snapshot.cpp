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

/// Tasks that have a number in each pid namespace: its own and those of all below it. That is what
/// zap_pid_ns_processes() waits for.
boost::unordered_flat_map<std::uint32_t, std::uint32_t> visible_tasks(
    const std::vector<Snapshot::TaskRow>& tasks) {
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> visible;
    for (const auto& row : tasks) {
        for (const nst_pid_nr& one : row.task.vpids.span()) {
            visible[one.pid_namespace]++;
        }
    }
    return visible;
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
    const auto visible = visible_tasks(out->tasks);
    boost::unordered_flat_map<std::uint32_t, const Task*>
        reaper;  // by the init's tgid: its leader, else a thread
    namespaces_.each([&](const Namespace& ns) {
        if (ns.init_tgid != 0) {
            reaper[ns.init_tgid] = nullptr;
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
        const auto others = visible.find(ns.inum);
        const bool alone = others == visible.end() || others->second <= 1;
        if (ns.dying && ns.tasks != 0) {
            row.state = alone ? NsState::dying : NsState::zapping;
        } else if (ns.tasks == 0) {
            row.state = NsState::empty;
        }
        if (row.state == NsState::zapping) {
            // It is past exit_task_namespaces but not a zombie before the others are gone.
            const auto zapper = std::ranges::lower_bound(
                out->tasks, ns.zapper_tid, {}, [](const auto& task) { return task.task.tid; });
            if (zapper != out->tasks.end() && zapper->task.tid == ns.zapper_tid &&
                zapper->task.state == TaskState::zombie) {
                zapper->task.state = TaskState::exiting;
                row.ns.zombies--;
            }
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
