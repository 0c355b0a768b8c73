// SPDX-License-Identifier: Apache-2.0
//
// What /proc and the namespace ioctls say: the truth that nstrail's tree is held against. Read anew
// each time, with nothing shared with nstrail's own code.
#ifndef NSTRAIL_VMTESTS_TRUTH_HPP
#define NSTRAIL_VMTESTS_TRUTH_HPP

#include <array>
#include <compare>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "names.hpp"

namespace vmtests {

using Inum = std::uint32_t;

struct TaskTruth {
    int tid = 0;
    int tgid = 0;
    int ppid = 0;
    // In clock ticks of 10 ms since boot, as /proc/PID/stat has it.
    std::uint64_t start_ticks = 0;
    std::string comm;
    bool zombie = false;
    bool kernel_thread = false;
    // From the initial pid namespace inwards.
    std::vector<int> numbers;
    // Empty where the kernel shows none: a zombie has no nsproxy, and a pid namespace for children
    // is hidden until its first process exists.
    std::array<std::optional<Inum>, names::slots.size()> ns;

    // Past exit_task_namespaces() but no zombie yet, for as long as it stands still: the init of a
    // pid namespace waits for the others in it to go (zap_pid_ns_processes).
    bool waits_in_exit() const { return !zombie && !ns[names::uts_slot]; }

    bool operator==(const TaskTruth&) const = default;
};

struct NamespaceKey {
    std::string type;
    Inum inum = 0;
    auto operator<=>(const NamespaceKey&) const = default;
};

// A namespace that some task refers to.
struct NamespaceTruth {
    int members = 0;  // tasks, threads and zombies included
    int zombies = 0;
    int processes = 0;  // thread group leaders among the members
    std::optional<Inum> parent;
    std::optional<Inum> owner;
    int level = 0;  // pid and user only

    bool operator==(const NamespaceTruth&) const = default;
};

struct Truth {
    std::map<int, TaskTruth> tasks;  // by tid
    std::map<NamespaceKey, NamespaceTruth> namespaces;
};

// Fills `namespaces` with the members that `tasks` has; parents, owners and levels stay empty.
void count_members(Truth& truth);

// The process must be in the initial pid and user namespaces. An error is one line.
std::expected<Truth, std::string> read_truth();

// The comm of a kernel thread in /proc may say more than task->comm: its full name beyond 15
// characters, and of a kworker what it works on.
bool same_comm(const TaskTruth& task, const std::string& comm);

// What differs between two readings, as one line; empty when the machine stood still.
std::string moved_between(const Truth& before, const Truth& after);

}  // namespace vmtests

#endif
