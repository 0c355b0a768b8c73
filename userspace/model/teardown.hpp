// SPDX-License-Identifier: Apache-2.0
// Why a pid namespace is not gone yet although its init is exiting.
#pragma once

#include <optional>
#include <vector>

#include "model/view.hpp"

namespace nstrail {

/// What must happen before a task is out of the way.
enum class Obstacle : std::uint8_t {
    alive,     ///< it has not ended: killed by zap_pid_ns_processes(), but stuck, or not yet run
    children,  ///< it waits for the tasks of a pid namespace of its own
    tracer,    ///< a zombie that its tracer has to wait for first
    parent,    ///< a zombie that its parent has to wait for
    threads,   ///< a leader that has ended, with threads that have not
};
[[nodiscard]] std::string_view obstacle_name(Obstacle obstacle);

/// A task that holds up the end of a pid namespace.
struct Blocker {
    Task task;
    Obstacle obstacle = Obstacle::alive;
    std::optional<Task> by;  ///< tracer, parent: who has to wait for it; children: nobody
    /// boottime since when it is so; empty = not known.
    std::optional<std::uint64_t> since_boot_ns;
};

/// Of a pid namespace that is dying or zapping: the tasks with a number in it that are not of its
/// init's thread group, by tid. Empty for all others. Time grows with the number of tasks.
[[nodiscard]] std::vector<Blocker> blockers_of(const View& view, const Namespace& ns);

}  // namespace nstrail
