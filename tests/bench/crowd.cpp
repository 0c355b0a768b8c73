// SPDX-License-Identifier: Apache-2.0
#include "bench/crowd.hpp"

#include <string>
#include <vector>

#include <linux/sched.h>
#include <malloc.h>

#include "base/cpu_time.hpp"
#include "base/text.hpp"
#include "model/kernel_bits.hpp"

namespace nstrail::test {

namespace {

constexpr std::uint32_t initial(NsType type) {
    return 0xEFFFFFF0U + type;
}

constexpr nst_ns_set initial_set{.nsproxy = 0xA000,
                                 .mnt = initial(NST_ns_type_mnt),
                                 .uts = initial(NST_ns_type_uts),
                                 .ipc = initial(NST_ns_type_ipc),
                                 .net = initial(NST_ns_type_net),
                                 .cgroup = initial(NST_ns_type_cgroup),
                                 .time = initial(NST_ns_type_time),
                                 .time_for_children = initial(NST_ns_type_time),
                                 .pid_for_children = initial(NST_ns_type_pid),
                                 .pid = initial(NST_ns_type_pid),
                                 .user = initial(NST_ns_type_user)};
constexpr std::array types_each = {NST_ns_type_mnt, NST_ns_type_uts, NST_ns_type_ipc,
                                   NST_ns_type_net, NST_ns_type_pid};
constexpr std::uint64_t clone_flags =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID;

/// Keys of the kernel's objects come scrambled: they must not look like a row of small numbers.
std::uint64_t key(std::uint64_t of, std::uint64_t which) {
    std::uint64_t sum = ((of << 3) | which) + 0x9E3779B97F4A7C15ULL;
    sum = (sum ^ (sum >> 30)) * 0xBF58476D1CE4E5B9ULL;
    sum = (sum ^ (sum >> 27)) * 0x94D049BB133111EBULL;
    return sum ^ (sum >> 31);
}
enum : std::uint64_t { of_task, of_pid, of_nsproxy, of_namespace, of_other };

constexpr nst_task_ref init_ref{.key = 1, .start_boottime_ns = 1, .tid = 1, .tgid = 1};

std::uint64_t cpu_ns() {
    return static_cast<std::uint64_t>(thread_cpu_time().count());
}

}  // namespace

struct Crowd::Member {
    nst_task_ref ref{};
    nst_task_ref parent = init_ref;
    nst_ns_set ns = initial_set;
    std::uint32_t container = 0;
    std::uint64_t cgroup = 1;
    std::vector<nst_pid_nr> vpids;
};

std::uint64_t bytes_in_use() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

std::unique_ptr<Crowd> crowd_of(std::uint32_t tasks, Crowd::With with) {
    auto crowd =
        std::make_unique<Crowd>(Crowd::Size{.tasks = tasks, .containers = tasks / 50}, with);
    crowd->all_born();
    return crowd;
}

Crowd::Crowd(Size size, With with) : size_(size) {
    if (with == With::rules) {
        checker.emplace(world);
    }
    nst_session session{};
    session.hooks = ((1ULL << NST_HOOK_end) - 1) & ~(1ULL << NST_HOOK_sys_exit);
    session.mode = NST_attach_mode_full;
    session.pid_max = 4194304;
    tell(session);
    tell(nst_mark{.header = {}, .what = NST_mark_what_snapshot_begin, .round = 1});
    for (std::uint32_t tid = 1; tid <= 2; tid++) {
        nst_task_seen init{};
        init.task = {.key = tid, .start_boottime_ns = tid, .tid = tid, .tgid = tid};
        init.ns = initial_set;
        init.round = 1;
        init.levels = 1;
        init.flags = tid == 2 ? 0x200000 : 0;  // PF_KTHREAD
        copy_text(init.comm, tid == 1 ? "init" : "kthreadd");
        const nst_pid_nr number{.pid_namespace = initial_set.pid, .nr = tid};
        tell(init, std::span(&number, 1));
    }
    for (std::uint32_t level = 1; level + 1 < size_.levels; level++) {
        nst_namespace nested{};
        nested.inum = around(level);
        nested.ns_key = key(nested.inum, of_namespace);
        nested.type = NST_ns_type_pid;
        nested.owner = initial_set.user;
        nested.round = 1;
        nested.references = 2;
        nested.parent = around(level - 1);
        nested.level = level;
        nested.pid_allocated = 1U << 31;  // PIDNS_ADDING
        tell(nested);
    }
    nst_cgroup root{};
    root.id = 1;
    root.what = NST_cgroup_what_seen;
    tell(root);
    tell(nst_mark{.header = {}, .what = NST_mark_what_snapshot_end, .round = 1});
}

void Crowd::apply(std::span<const std::byte> record) {
    const auto event = Event::decode(record);
    if (!timed) {
        take(*event);
        return;
    }
    const std::uint64_t before = cpu_ns();
    take(*event);
    const std::uint64_t took = cpu_ns() - before;
    longest.events++;
    longest.total_ns += took;
    if (took > longest.ns) {
        longest.ns = took;
        longest.kind = event->kind();
    }
}

std::uint32_t Crowd::around(std::uint32_t level) {
    return level == 0 ? initial_set.pid : 0xE0000100U + level;
}

std::uint32_t Crowd::tid(std::uint32_t i) const {
    constexpr std::uint64_t pid_max = 4194304;
    return static_cast<std::uint32_t>(300 + ((pid_max - 301) * i / size_.tasks));
}

Crowd::Member Crowd::member(std::uint32_t i) const {
    Member m;
    m.ref = {
        .key = key(i, of_task), .start_boottime_ns = 1'000'000 + i, .tid = tid(i), .tgid = tid(i)};
    m.vpids.push_back({.pid_namespace = initial_set.pid, .nr = m.ref.tid});
    if (size_.containers == 0) {
        return m;
    }
    m.container = i / per_container();
    m.ns.nsproxy = key(m.container, of_nsproxy);
    m.ns.mnt = inum(m.container, 0);
    m.ns.uts = inum(m.container, 1);
    m.ns.ipc = inum(m.container, 2);
    m.ns.net = inum(m.container, 3);
    m.ns.pid = m.ns.pid_for_children = inum(m.container, 4);
    m.cgroup = 2 + m.container;
    for (std::uint32_t level = 1; level + 1 < size_.levels; level++) {
        m.vpids.push_back({.pid_namespace = around(level), .nr = m.ref.tid});
    }
    m.vpids.push_back({.pid_namespace = m.ns.pid, .nr = 1 + (i % per_container())});
    if (!init(i)) {
        const std::uint32_t first = m.container * per_container();
        m.parent = {.key = key(first, of_task),
                    .start_boottime_ns = 1'000'000 + first,
                    .tid = tid(first),
                    .tgid = tid(first)};
    }
    return m;
}

void Crowd::cgroup(std::uint32_t container, nst_cgroup_what what, std::uint32_t round) {
    nst_cgroup event{};
    event.id = 2 + container;
    event.parent = 1;
    event.what = static_cast<nst_u32>(what);
    event.round = round;
    event.pids_max = 0xFFFFFFFF;
    // As long as those that container runtimes make.
    copy_text(event.name, "docker-" + std::to_string(key(container, of_other)) +
                              std::to_string(key(container, of_nsproxy)) +
                              std::to_string(key(container, of_task)).substr(0, 18) + ".scope");
    tell(event);
}

void Crowd::facts(std::uint32_t container, std::uint32_t round) {
    for (std::uint32_t which = 0; which < namespaces_each; which++) {
        nst_namespace event{};
        event.inum = inum(container, which);
        event.ns_key = key(event.inum, of_namespace);
        event.type = types_each[which];
        event.owner = initial_set.user;
        event.round = round;
        event.references = 2;
        if (types_each[which] == NST_ns_type_pid) {
            event.level = size_.levels - 1;
            event.parent = around(event.level - 1);
            event.pid_allocated = 1U << 31;  // PIDNS_ADDING
        }
        tell(event);
    }
}

void Crowd::born(std::uint32_t i) {
    const Member m = member(i);
    if (init(i)) {
        cgroup(m.container, NST_cgroup_what_made, 0);
        for (std::uint32_t which = 0; which < namespaces_each; which++) {
            const std::uint32_t made = inum(m.container, which);
            tell(nst_inum_alloc{.header = {},
                                .ns_key = key(made, of_namespace),
                                .inum = made,
                                .actor_tid = m.parent.tid});
        }
    }
    nst_alloc_pid numbers{};
    numbers.actor = m.parent;
    numbers.pid_key = key(i, of_pid);
    numbers.pid_namespace = m.ns.pid;
    numbers.levels = static_cast<nst_u32>(m.vpids.size());
    std::array<nst_pid_request, NST_MAX_LEVELS> requests{};
    for (std::size_t level = 0; level < m.vpids.size(); level++) {
        requests[level] = {.pid_namespace = m.vpids[level].pid_namespace,
                           .nr = m.vpids[level].nr,
                           .asked = 0,
                           .last_pid = m.vpids[level].nr};
    }
    tell(numbers, std::span<const nst_pid_request>(requests).first(m.vpids.size()));
    if (init(i)) {
        facts(m.container, 0);
    }
    nst_task_new event{};
    event.task = m.ref;
    event.actor = m.parent;
    event.clone_flags = init(i) ? clone_flags : 0;
    event.actor_nsproxy = init(i) ? initial_set.nsproxy : m.ns.nsproxy;
    event.pid_key = numbers.pid_key;
    event.ns = m.ns;
    event.ppid = m.parent.tgid;
    event.levels = numbers.levels;
    event.cgroup = m.cgroup;
    copy_text(event.comm, "worker");
    tell(event, std::span<const nst_pid_nr>(m.vpids));
    if (init(i)) {
        executed(i);
    }
}

void Crowd::executed(std::uint32_t i) {
    const Member m = member(i);
    nst_task_exec event{};
    event.task = m.ref;
    event.ns = m.ns;
    event.old_tid = m.ref.tid;
    event.ppid = m.parent.tgid;
    copy_text(event.comm, "server");
    copy_text(event.filename, "/usr/lib/application/server-" + std::to_string(m.container));
    tell(event);
}

void Crowd::all_born() {
    for (std::uint32_t i = 0; i < size_.tasks; i++) {
        born(i);
    }
}

void Crowd::exited(std::uint32_t i) {
    const Member m = member(i);
    nst_task_exit event{};
    event.task = m.ref;
    event.last = 1;
    event.heir = init(i) ? m.ref.tgid : m.parent.tgid;
    event.exit_signal = 17;
    event.ppid = m.parent.tgid;
    tell(event);
    nst_ns_switch leave{};
    leave.task = m.ref;
    leave.actor_key = m.ref.key;
    leave.actor_tid = m.ref.tid;
    leave.via = NST_switch_via_exit;
    leave.before = m.ns;
    tell(leave);
}

void Crowd::released(std::uint32_t i) {
    const Member m = member(i);
    nst_task_release event{};
    event.task = m.ref;
    event.pid_key = key(i, of_pid);
    event.via = NST_release_via_entry;
    event.exit_state = exit_dead;
    event.actor_tid = m.parent.tid;
    tell(event);
    tell(nst_free_pid{.header = {},
                      .pid_key = event.pid_key,
                      .levels = static_cast<nst_u32>(m.vpids.size()),
                      .actor_tid = m.parent.tid},
         std::span<const nst_pid_nr>(m.vpids));
    tell(nst_task_free{.header = {}, .task = m.ref, .pid_key = 0});
}

void Crowd::freed(std::uint32_t container) {
    for (std::uint32_t which = 0; which < namespaces_each; which++) {
        for (const nst_u32 point : {NST_hook_point_entry, NST_hook_point_exit}) {
            tell(nst_inum_free{.header = {}, .inum = inum(container, which), .point = point});
        }
    }
    cgroup(container, NST_cgroup_what_removed, 0);
}

void Crowd::replaced(std::uint64_t any) {
    auto i = static_cast<std::uint32_t>(any % size_.tasks);
    i += init(i) ? 1 : 0;
    exited(i);
    released(i);
    born(i);
}

void Crowd::begin_round(std::uint32_t round) {
    round_ = round;
    tell(nst_mark{.header = {}, .what = NST_mark_what_snapshot_begin, .round = round});
}

void Crowd::end_round(std::uint32_t round) {
    tell(nst_mark{.header = {}, .what = NST_mark_what_snapshot_end, .round = round});
}

void Crowd::seen(std::uint32_t i) {
    const Member m = member(i);
    if (init(i)) {
        cgroup(m.container, NST_cgroup_what_seen, round_);
        facts(m.container, round_);
    }
    nst_task_seen event{};
    event.task = m.ref;
    event.pid_key = key(i, of_pid);
    event.ns = m.ns;
    event.ppid = m.parent.tgid;
    event.round = round_;
    event.levels = static_cast<nst_u32>(m.vpids.size());
    event.cgroup = m.cgroup;
    copy_text(event.comm, "worker");
    tell(event, std::span<const nst_pid_nr>(m.vpids));
}

void Crowd::tick() {
    tell(nst_free_pid{.header = {}, .pid_key = 1, .levels = 0, .actor_tid = 0});
}

void Crowd::gap() {
    tell(nst_gap{.header = {}, .lost = 1, .cause = NST_gap_cause_ring, .where = 0});
}

void Crowd::own_nsproxy(std::uint32_t i) {
    const Member m = member(i);
    nst_ns_switch event{};
    event.task = m.ref;
    event.actor_key = m.ref.key;
    event.actor_tid = m.ref.tid;
    event.via = NST_switch_via_switched;
    event.before = m.ns;
    event.after = m.ns;
    event.after.nsproxy = key(i, of_other);
    tell(event);
}

}  // namespace nstrail::test
