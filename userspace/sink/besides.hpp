// SPDX-License-Identifier: Apache-2.0
// What is known besides an event of the task that it is about.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "model/container.hpp"
#include "model/world.hpp"

namespace nstrail {

/// One thread, that of the World.
class Besides {
public:
    /// The world must outlive it.
    explicit Besides(const World& world) : world_(world) {}

    /// Appends a line of a stream, with its newline: the event as JSON or as text, and whose
    /// container it is in. `change` is what the world just said of the event.
    void append(fmt::memory_buffer& out, const Event& event, const Change& change, bool json);

    /// Where the task is; null if its cgroup is not known. Valid until the next call.
    [[nodiscard]] const Whereabouts* whereabouts(const TaskRecord& task) {
        return parsed(world_.cgroup_of(task));
    }
    /// The same of the task that a Change took away.
    [[nodiscard]] const Whereabouts* whereabouts_of_released(const Change& change) {
        return parsed(world_.cgroup_at(change.released_cgroup));
    }
    [[nodiscard]] const World& world() const { return world_; }

private:
    const Whereabouts* parsed(const std::optional<std::string>& path);
    void append_who(fmt::memory_buffer& out, const TaskRecord& task, bool json);

    const World& world_;
    std::unordered_map<std::string, Whereabouts> by_path_;
};

}  // namespace nstrail
