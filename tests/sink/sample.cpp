// SPDX-License-Identifier: Apache-2.0
#include "sink/sample.hpp"

namespace nstrail::test {

namespace {

constexpr std::uint32_t outer = 4026531836;
constexpr std::uint32_t inner = 4026532200;

Task make_task(std::uint32_t tid, std::string_view comm, std::vector<nst_pid_nr> vpids) {
    Task task;
    task.tid = task.tgid = tid;
    task.start_boottime_ns = tid * 1000ULL;
    comm.copy(task.comm.data(), task.comm.size() - 1);
    task.ns[Slot::pid] = vpids.back().pid_namespace;
    task.ns[Slot::pid_for_children] = vpids.back().pid_namespace;
    task.vpids = PidVector(vpids);
    return task;
}

Snapshot::NsRow make_pid_namespace(std::uint32_t inum, std::uint32_t parent, std::uint32_t level) {
    Snapshot::NsRow row;
    row.ns.inum = inum;
    row.ns.gen = 1;
    row.ns.type = NST_ns_type_pid;
    row.ns.facts = true;
    row.ns.parent = parent;
    row.ns.level = level;
    row.ns.owner = 4026531837;
    return row;
}

}  // namespace

std::shared_ptr<const Snapshot> sample_snapshot() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->session.mode = NST_attach_mode_full;
    snapshot->at_boot_ns = 5'000'000'000;
    snapshot->certain = snapshot->synchronized = true;
    snapshot->lost = 3;
    snapshot->account.lost[NST_gap_cause_ring] = 3;
    snapshot->account.created[NST_ns_type_pid] = 1;
    snapshot->account.alloc_failures[11] = 2;  // EAGAIN
    snapshot->account.alloc_failures[28] = 4;  // ENOSPC: none of those named
    snapshot->namespaces.push_back(make_pid_namespace(outer, 0, 0));
    snapshot->namespaces.push_back(make_pid_namespace(inner, outer, 1));
    snapshot->namespaces[0].ns.tasks = 2;
    snapshot->namespaces[0].ns.zombies = 1;
    snapshot->namespaces[1].ns.tasks = 1;
    snapshot->namespaces[1].ns.born = true;
    snapshot->namespaces[1].ns.creator_tid = 1;
    snapshot->namespaces[1].reaper_tid = 20;
    snapshot->namespaces[1].reaper_comm = "in\"it";
    snapshot->tasks.push_back({.task = make_task(1, "init", {{outer, 1}}), .ppid = 0});
    snapshot->tasks.push_back({.task = make_task(10, "dead", {{outer, 10}}), .ppid = std::nullopt});
    snapshot->tasks[1].task.state = TaskState::zombie;
    snapshot->tasks.push_back(
        {.task = make_task(20, "\xff\x1b[2J", {{outer, 20}, {inner, 1}}), .ppid = 1});
    return snapshot;
}

}  // namespace nstrail::test
