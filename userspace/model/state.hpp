// SPDX-License-Identifier: Apache-2.0
// All that the model knows. A copy costs a few reference counts (see PagedTable); the World writes
// its own and gives copies to readers, which nobody writes to.
#pragma once

#include <cstdint>
#include <memory>

#include "model/account.hpp"
#include "model/cgroups.hpp"
#include "model/holders.hpp"
#include "model/names.hpp"
#include "model/ns_table.hpp"
#include "model/processes.hpp"
#include "model/set_tid.hpp"
#include "model/sets.hpp"
#include "model/task.hpp"

namespace nstrail {

struct WorldState {
    nst_session session{};
    Account account;
    std::uint64_t now = 0;  ///< boot_ns of the latest event, never going back
    bool synchronized = false;
    bool certain = false;

    Slab<TaskRecord, 6> tasks;
    PagedTable<std::uint32_t, 10, 6, 7> by_tid;  ///< tid in the initial pid namespace → slot
    Processes processes;
    SetTable sets;
    NsTable namespaces;
    CgroupTable cgroups;
    NameTable names;
    std::shared_ptr<const Holders> holders = std::make_shared<Holders>();
    Counted<Requests> requests;

    /// Of the task with that tid in the initial pid namespace; 0 = there is none.
    [[nodiscard]] std::uint32_t slot_by_tid(std::uint32_t tid) const {
        return tid < decltype(by_tid)::capacity ? by_tid[tid] : 0;
    }
    /// That task, or null.
    [[nodiscard]] const TaskRecord* find_task(std::uint32_t tid) const {
        const std::uint32_t slot = slot_by_tid(tid);
        return slot == 0 ? nullptr : &tasks[slot];
    }
    [[nodiscard]] const CgroupRecord& cgroup_record(const TaskRecord& task) const {
        return cgroups[cgroup_index(task)];
    }
    [[nodiscard]] std::optional<std::string> cgroup_of(const TaskRecord& task) const {
        return cgroup_path(cgroups, cgroup_index(task));
    }
    [[nodiscard]] std::string_view exe_of(const TaskRecord& task) const {
        return names[processes[task.process].exe].text;
    }
    [[nodiscard]] const SetRecord& set_of(const TaskRecord& task) const { return sets[task.set]; }

    /// Index of its cgroup, 0 = not known.
    [[nodiscard]] std::uint32_t cgroup_index(const TaskRecord& task) const {
        const ProcessRecord& process = processes[task.process];
        const bool own = task.cgroup != 0 && task.cgroup_moves == process.cgroup_moves;
        return own ? task.cgroup : process.cgroup;
    }
};

}  // namespace nstrail
