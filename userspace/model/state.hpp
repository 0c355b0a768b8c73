// SPDX-License-Identifier: Apache-2.0
// All that the model knows. A copy costs a few reference counts (see PagedTable); the World writes
// its own and gives copies to readers, which nobody writes to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/account.hpp"
#include "model/cgroups.hpp"
#include "model/names.hpp"
#include "model/ns_table.hpp"
#include "model/processes.hpp"
#include "model/sets.hpp"
#include "model/task.hpp"

namespace nstrail {

/// Something besides the nsproxy and the credentials of tasks that keeps a namespace.
struct Holder {
    nst_holder_what what = NST_holder_what_file;
    NsType type = NST_ns_type_none;
    std::uint32_t inum = 0;  ///< 0 for a place that could not be looked at
    nst_task_ref task{};     ///< who has it open; of a mount all 0
    std::uint32_t fd = 0;
    std::uint32_t mnt = 0;  ///< of a mount: the mount namespace that it is in
    std::string path;       ///< of a mount: where; of an unreadable place: what and why
};

/// One round of looking for holders.
struct Holders {
    std::uint64_t at_boot_ns = 0;  ///< when it ended; 0 = there was none
    bool complete = false;         ///< nothing was lost during the round
    std::vector<Holder> all;
};

/// A clone3(set_tid) and what came of it.
struct PidRequest {
    std::uint64_t at_boot_ns = 0;
    nst_task_ref actor{};
    std::string comm;                 ///< the actor's
    std::uint32_t pid_namespace = 0;  ///< allocated in
    std::int32_t error = 0;           ///< 0 or a negative errno
    std::uint32_t set_tid_size = 0;
    std::uint64_t capabilities = 0;  ///< the actor's, effective in its user namespace
    std::uint32_t user = 0;          ///< that user namespace
    std::uint32_t euid = 0;
    std::vector<nst_pid_request> levels;  ///< outermost first
};

struct WorldState {
    static constexpr std::size_t requests_kept = 64;

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
    /// The latest requests, oldest first.
    std::shared_ptr<const std::vector<PidRequest>> requests =
        std::make_shared<std::vector<PidRequest>>();

    /// The task with that tid in the initial pid namespace, or null.
    [[nodiscard]] const TaskRecord* find_task(std::uint32_t tid) const {
        const std::uint32_t* slot = by_tid.find(tid);
        return slot == nullptr || *slot == 0 ? nullptr : &tasks[*slot];
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

private:
    [[nodiscard]] std::uint32_t cgroup_index(const TaskRecord& task) const {
        const ProcessRecord& process = processes[task.process];
        const bool own = task.cgroup != 0 && task.cgroup_moves == process.cgroup_moves;
        return own ? task.cgroup : process.cgroup;
    }
};

}  // namespace nstrail
