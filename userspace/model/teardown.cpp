// SPDX-License-Identifier: Apache-2.0
#include "model/teardown.hpp"

namespace nstrail {

std::string_view obstacle_name(Obstacle obstacle) {
    switch (obstacle) {
        case Obstacle::alive:
            return "alive";
        case Obstacle::children:
            return "children";
        case Obstacle::tracer:
            return "tracer";
        case Obstacle::parent:
            return "parent";
        case Obstacle::threads:
            return "threads";
    }
    __builtin_unreachable();
}

namespace {

Blocker examine(const View& view, const Task& task, const std::vector<Task>& all) {
    Blocker blocker{.task = task, .obstacle = Obstacle::alive, .by = {}, .since_boot_ns = {}};
    if (task.state() != TaskState::zombie) {
        const auto active = task.active_pid_namespace();
        const auto zapper = active ? active->zapper() : std::nullopt;
        if (zapper && zapper->tid() == task.tid() && active->state() == NsState::zapping) {
            blocker.obstacle = Obstacle::children;
            blocker.since_boot_ns = task.exited_boot_ns();
        }
        return blocker;
    }
    blocker.since_boot_ns = task.exited_boot_ns();
    if (auto tracer = task.tracer(); tracer) {
        blocker.obstacle = Obstacle::tracer;
        blocker.by = std::move(tracer);
        return blocker;
    }
    for (const Task& thread : all) {
        if (task.leader() && thread.tgid() == task.tgid() && !thread.leader()) {
            blocker.obstacle = Obstacle::threads;
            return blocker;
        }
    }
    blocker.obstacle = Obstacle::parent;
    blocker.by = view.task(task.ppid().value_or(0));
    return blocker;
}

}  // namespace

std::vector<Blocker> blockers_of(const View& view, const Namespace& ns) {
    std::vector<Blocker> blockers;
    const NsState state = ns.state();
    if (ns.type() != NST_ns_type_pid || (state != NsState::zapping && state != NsState::dying)) {
        return blockers;
    }
    const std::vector<Task> all = view.tasks();
    for (const Task& task : all) {
        if (task.tgid() != ns.record().init_tgid && task.pid_in(ns)) {
            blockers.push_back(examine(view, task, all));
        }
    }
    return blockers;
}

}  // namespace nstrail
