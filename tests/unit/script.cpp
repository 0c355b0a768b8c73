// SPDX-License-Identifier: Apache-2.0
#include "unit/script.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "base/text.hpp"
#include "model/kernel_bits.hpp"

namespace nstrail::test {

namespace {

std::uint32_t& field(nst_ns_set& set, Slot slot) {
    // In the order of Slot.
    std::uint32_t* const fields[] = {&set.mnt,
                                     &set.uts,
                                     &set.ipc,
                                     &set.net,
                                     &set.cgroup,
                                     &set.time,
                                     &set.time_for_children,
                                     &set.pid_for_children,
                                     &set.pid,
                                     &set.user};
    static_assert(std::size(fields) == slot_count);
    return *fields[static_cast<std::size_t>(slot)];
}

// In the order of create_new_namespaces(), credentials before.
constexpr struct {
    std::uint64_t flag;
    Slot slot;
} new_slots[] = {
    {CLONE_NEWUSER, Slot::user},
    {CLONE_NEWNS, Slot::mnt},
    {CLONE_NEWUTS, Slot::uts},
    {CLONE_NEWIPC, Slot::ipc},
    {CLONE_NEWPID, Slot::pid_for_children},
    {CLONE_NEWCGROUP, Slot::cgroup},
    {CLONE_NEWNET, Slot::net},
    {CLONE_NEWTIME, Slot::time_for_children},
};

constexpr std::uint64_t new_in_nsproxy = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
                                         CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME;

}  // namespace

std::uint32_t inum_of(const nst_ns_set& set, Slot slot) {
    nst_ns_set copy = set;
    return field(copy, slot);
}

Script::Script(std::uint64_t hooks, Start start) : hooks_(hooks) {
    for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
        const std::uint32_t user = initial(NST_ns_type_user);
        namespaces_[initial(static_cast<NsType>(type))] = {
            .type = static_cast<NsType>(type),
            .key = keys_ += 64,
            .owner = type == NST_ns_type_user ? 0 : user,
        };
    }
    nst_ns_set set{.nsproxy = init_nsproxy,
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
    for (const std::uint32_t tid : {1U, 2U}) {
        tasks_[tid] = {
            .ref = {.key = keys_ += 64, .start_boottime_ns = tid, .tid = tid, .tgid = tid},
            .ns = set,
            .pid_key = keys_ += 64,
            .vpids = {{.pid_namespace = set.pid, .nr = tid}},
            .ppid = 0,
            .comm = tid == 1 ? "init" : "kthreadd",
            .flags = tid == 1 ? 0 : pf_kthread};
    }
    namespaces_[set.pid].last_pid = 2;
    session(hooks);
    if (start == Start::synchronized) {
        snapshot(1);
    }
}

void Script::apply(EventBuffer buffer) {
    if (reinterpret_cast<const nst_header*>(buffer.bytes().data())->kind == spoil_kind_) {
        spoil_kind_ = NST_KIND_end;
        if (!spoil_(buffer)) {
            return;
        }
    }
    const auto event = buffer.event();
    if (!event) {
        throw std::logic_error(event.error().line());
    }
    last = checker.apply(*event);
    if (keep_events) {
        events_.push_back(std::move(buffer));
    }
}

void Script::session(std::uint64_t hooks, std::uint64_t id, std::uint64_t continues) {
    hooks_ = hooks;
    const bool full = hooked(NST_HOOK_release_task);
    nst_session event{};
    event.hooks = hooks;
    event.id = id;
    event.continues = continues;
    event.mode = full ? NST_attach_mode_full : NST_attach_mode_reduced;
    event.pid_max = 4194304;
    copy_text(event.boot_id, "5eed1c76-0000-4000-8000-000000000007");
    copy_text(event.release, "6.12.0-script");
    emit(event);
}

void Script::snapshot_begin(std::uint32_t round) {
    round_ = round;
    emit(nst_mark{.header = {}, .what = NST_mark_what_snapshot_begin, .round = round});
}

void Script::snapshot_end(std::uint32_t round) {
    emit(nst_mark{.header = {}, .what = NST_mark_what_snapshot_end, .round = round});
}

Script::Look Script::look(std::uint32_t tid) const {
    const TrueTask& task = of(tid);
    Look look{.event = {}, .vpids = task.vpids};
    look.event.task = task.ref;
    look.event.pid_key = task.pid_key;
    look.event.ns = task.ns;
    look.event.ppid = task.ppid;
    look.event.exit_state = task.exit_state;
    look.event.flags = task.flags;
    look.event.exit_code = task.exit_code;
    look.event.levels = static_cast<nst_u32>(task.vpids.size());
    copy_text(look.event.comm, task.comm);
    return look;
}

void Script::seen(const Look& look) {
    nst_task_seen event = look.event;
    event.round = round_;
    emit(event, std::span<const nst_pid_nr>(look.vpids));
}

nst_namespace Script::look_ns(std::uint32_t inum) const {
    const TrueNs& ns = namespaces_.at(inum);
    nst_namespace event{};
    event.ns_key = ns.key;
    event.type = ns.type;
    event.inum = inum;
    event.parent = ns.parent;
    event.owner = ns.owner;
    event.level = ns.level;
    event.last_pid = ns.last_pid;
    event.pid_allocated = ns.type == NST_ns_type_pid ? pids_adding : 0;
    return event;
}

void Script::ns_seen(const nst_namespace& look) {
    nst_namespace event = look;
    event.round = round_;
    emit(event);
}

void Script::facts(std::uint32_t inum) {
    emit(look_ns(inum));
}

void Script::snapshot(std::uint32_t round) {
    snapshot_begin(round);
    std::set<std::uint32_t> told;
    const auto tell = [&](std::uint32_t inum) {
        // A pid or user namespace is told with its ancestors, as facts.bpf.c does.
        while (inum != 0 && told.insert(inum).second) {
            ns_seen(inum);
            inum = namespaces_.at(inum).parent;
        }
    };
    for (const auto& [tid, task] : tasks_) {
        for (const Slot slot : all_slots) {
            tell(inum_of(task.ns, slot));
        }
        seen(tid);
    }
    snapshot_end(round);
}

void Script::gap(std::uint64_t lost, nst_gap_cause cause) {
    emit(nst_gap{.header = {}, .lost = lost, .cause = static_cast<nst_u32>(cause), .where = 0});
}

void Script::audited() {
    for (int mark = 0; mark < 2; mark++) {
        emit(nst_mark{.header = {}, .what = NST_mark_what_audited, .round = 0});
    }
}

std::uint32_t Script::make_ns(NsType type, const TrueTask& creator) {
    const std::uint32_t inum = forced_inum_ != 0 ? forced_inum_ : inums_++;
    forced_inum_ = 0;
    TrueNs made{.type = type, .key = keys_ += 64, .owner = creator.ns.user};
    if (type == NST_ns_type_pid || type == NST_ns_type_user) {
        made.parent = type == NST_ns_type_pid ? creator.ns.pid : creator.ns.user;
        made.level = namespaces_.at(made.parent).level + 1;
    }
    namespaces_[inum] = made;
    return inum;
}

std::vector<std::uint32_t> Script::make_new(std::uint64_t flags, const TrueTask& creator,
                                            nst_ns_set& set) {
    std::vector<std::uint32_t> made;
    TrueTask owner = creator;
    for (const auto& [flag, slot] : new_slots) {
        if ((flags & flag) == 0) {
            continue;
        }
        made.push_back(make_ns(slot_type(slot), owner));
        field(set, slot) = made.back();
        // What is made along with a user namespace belongs to it.
        owner.ns.user = set.user;
    }
    return made;
}

TrueTask& Script::bear(const Birth& birth, std::vector<std::uint32_t>& made) {
    const TrueTask parent = of(birth.parent);
    const bool thread = (birth.flags & CLONE_THREAD) != 0;
    TrueTask child{.ref = {.key = birth.key != 0 ? birth.key : keys_ += 64,
                           .start_boottime_ns = now_ + 500,
                           .tid = birth.tid,
                           .tgid = thread ? parent.ref.tgid : birth.tid},
                   .ns = parent.ns,
                   .pid_key = keys_ += 64,
                   .vpids = {},
                   .ppid = thread ? parent.ppid : parent.ref.tgid,
                   .comm = birth.comm.empty() ? parent.comm : birth.comm,
                   .flags = parent.flags & pf_kthread};
    if (birth.ppid != 0) {
        child.ppid = birth.ppid;
    }
    made = make_new(birth.flags, parent, child.ns);
    if ((birth.flags & new_in_nsproxy) != 0) {
        child.ns.nsproxy = birth.nsproxy != 0 ? birth.nsproxy : keys_ += 64;
    }
    // timens_on_fork(), for which copy_namespaces() makes a new nsproxy.
    if ((birth.flags & CLONE_VM) == 0 && child.ns.time != child.ns.time_for_children) {
        child.ns.time = child.ns.time_for_children;
        child.ns.nsproxy = child.ns.nsproxy != parent.ns.nsproxy ? child.ns.nsproxy : keys_ += 64;
    }
    child.ns.pid = child.ns.pid_for_children;
    // Its number in every namespace from its own up to the initial one, where that is its tid.
    for (std::uint32_t inum = child.ns.pid; inum != 0; inum = namespaces_.at(inum).parent) {
        TrueNs& ns = namespaces_.at(inum);
        const bool innermost = child.vpids.empty();
        const std::uint32_t nr = ns.level == 0                ? birth.tid
                                 : innermost && birth.nr != 0 ? birth.nr
                                                              : ns.last_pid + 1;
        ns.last_pid = nr;
        child.vpids.push_back({.pid_namespace = inum, .nr = nr});
    }
    std::ranges::reverse(child.vpids);
    return tasks_[birth.tid] = child;
}

TrueTask& Script::exists(const Birth& birth) {
    std::vector<std::uint32_t> made;
    return bear(birth, made);
}

void Script::tell_birth(const TrueTask& child, const Birth& birth) {
    nst_task_new event{};
    event.task = child.ref;
    event.actor = of(birth.parent).ref;
    event.clone_flags = birth.flags;
    event.actor_nsproxy = of(birth.parent).ns.nsproxy;
    event.pid_key = child.pid_key;
    event.ns = child.ns;
    event.ppid = child.ppid;
    event.levels = static_cast<nst_u32>(child.vpids.size());
    copy_text(event.comm, child.comm);
    emit(event, std::span<const nst_pid_nr>(child.vpids));
}

void Script::task_new(const Birth& birth) {
    std::vector<std::uint32_t> made;
    tell_birth(bear(birth, made), birth);
}

TrueTask& Script::fork(const Birth& birth) {
    std::vector<std::uint32_t> made;
    TrueTask& child = bear(birth, made);
    for (const std::uint32_t inum : made) {
        if (hooked(NST_HOOK_inum_alloc)) {
            inum_alloc(inum, birth.parent);
        }
    }
    if (hooked(NST_HOOK_alloc_pid)) {
        std::vector<nst_pid_request> numbers;
        for (const nst_pid_nr& one : child.vpids) {
            numbers.push_back(
                {.pid_namespace = one.pid_namespace, .nr = one.nr, .asked = 0, .last_pid = 0});
        }
        alloc_pid(birth.parent, numbers, 0, child.pid_key);
    }
    for (const std::uint32_t inum : made) {
        facts(inum);
    }
    tell_birth(child, birth);
    return child;
}

TrueTask& Script::thread(std::uint32_t tid, std::uint32_t creator) {
    return fork({.tid = tid,
                 .parent = creator,
                 .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD});
}

void Script::inum_alloc(std::uint32_t inum, std::uint32_t actor, std::uint64_t key) {
    const auto known = namespaces_.find(inum);
    const std::uint64_t its = known != namespaces_.end() ? known->second.key : 0;
    emit(nst_inum_alloc{
        .header = {}, .ns_key = key != 0 ? key : its, .inum = inum, .actor_tid = actor});
}

std::uint64_t Script::alloc_pid(std::uint32_t actor, std::span<const nst_pid_request> vpids,
                                std::uint32_t set_tid_size, std::uint64_t pid_key) {
    nst_alloc_pid event{};
    event.actor = of(actor).ref;
    event.pid_key = pid_key != 0 ? pid_key : keys_ += 64;
    event.pid_namespace = vpids.back().pid_namespace;
    event.set_tid_size = set_tid_size;
    event.levels = static_cast<nst_u32>(vpids.size());
    emit(event, vpids);
    return event.pid_key;
}

void Script::alloc_pid_fails(std::uint32_t actor, std::int32_t error, std::uint32_t set_tid_size) {
    nst_alloc_pid event{};
    event.actor = of(actor).ref;
    event.pid_namespace = of(actor).ns.pid_for_children;
    event.error = -error;
    event.set_tid_size = set_tid_size;
    event.levels = 1;
    const nst_pid_request number{.pid_namespace = event.pid_namespace,
                                 .nr = 0,
                                 .asked = set_tid_size != 0 ? 7U : 0U,
                                 .last_pid = 0};
    emit(event, std::span(&number, 1));
}

void Script::exec(std::uint32_t tid, const std::string& comm) {
    TrueTask& task = change(tid);
    task.comm = comm;
    nst_task_exec event{};
    event.task = task.ref;
    event.ns = task.ns;
    event.old_tid = task.gave_up_tid != 0 ? std::exchange(task.gave_up_tid, 0) : tid;
    event.ppid = task.ppid;
    copy_text(event.comm, comm);
    emit(event);
}

void Script::rename(std::uint32_t tid, const std::string& comm) {
    change(tid).comm = comm;
    nst_task_rename event{};
    event.task = of(tid).ref;
    copy_text(event.comm, comm);
    emit(event);
}

void Script::exchange(std::uint32_t thread) {
    TrueTask& survivor = change(thread);
    TrueTask& leader = change(survivor.ref.tgid);
    // de_thread() copies the start time before exchange_tids() is entered.
    survivor.ref.start_boottime_ns = leader.ref.start_boottime_ns;
    if (hooked(NST_HOOK_exchange_tids)) {
        emit(nst_exchange_tids{.header = {}, .task = survivor.ref, .leader = leader.ref});
    }
    std::swap(survivor.ref.tid, leader.ref.tid);
    std::swap(survivor.pid_key, leader.pid_key);
    std::swap(survivor.vpids, leader.vpids);
    survivor.gave_up_tid = leader.ref.tid;
    std::swap(survivor, leader);  // tasks_ is sorted by tid
}

void Script::tell_switch(const TrueTask& task, const nst_ns_set& before, nst_switch_via via) {
    nst_ns_switch event{};
    event.task = task.ref;
    event.actor_key = task.ref.key;
    event.actor_tid = task.ref.tid;
    event.via = static_cast<nst_u32>(via);
    event.before = before;
    if (task.ns.nsproxy != 0) {
        event.after = task.ns;
        event.after.user = before.user;  // credentials change apart
        event.references = 1;
    }
    emit(event);
}

void Script::silent_unshare(std::uint32_t tid, std::uint64_t flags) {
    TrueTask& task = change(tid);
    make_new(flags, task, task.ns);
    task.ns.nsproxy = keys_ += 64;
}

void Script::unshare(std::uint32_t tid, std::uint64_t flags) {
    TrueTask& task = change(tid);
    const nst_ns_set before = task.ns;
    const auto made = make_new(flags, task, task.ns);
    for (const std::uint32_t inum : made) {
        inum_alloc(inum, tid);
    }
    if ((flags & new_in_nsproxy) != 0) {
        task.ns.nsproxy = keys_ += 64;
        for (const std::uint32_t inum : made) {
            if (inum != task.ns.user) {
                facts(inum);
            }
        }
        tell_switch(task, before, NST_switch_via_switched);
    }
    if ((flags & CLONE_NEWUSER) != 0) {
        facts(task.ns.user);
        emit(nst_cred_user_ns{
            .header = {}, .task = task.ref, .before = before.user, .after = task.ns.user});
    }
}

void Script::silent_setns(std::uint32_t tid, Slot slot, std::uint32_t inum) {
    TrueTask& task = change(tid);
    field(task.ns, slot) = inum;
    task.ns.nsproxy = keys_ += 64;
}

void Script::setns(std::uint32_t tid, Slot slot, std::uint32_t inum) {
    const nst_ns_set before = of(tid).ns;
    if (slot == Slot::user) {
        change(tid).ns.user = inum;
        facts(inum);
        emit(nst_cred_user_ns{
            .header = {}, .task = of(tid).ref, .before = before.user, .after = inum});
        return;
    }
    silent_setns(tid, slot, inum);
    facts(inum);
    tell_switch(of(tid), before, NST_switch_via_switched);
}

void Script::ns_last_pid(std::uint32_t inum, std::uint32_t value, std::uint32_t actor) {
    namespaces_.at(inum).last_pid = value;
    emit(nst_ns_last_pid{
        .header = {}, .actor = of(actor).ref, .pid_namespace = inum, .value = value});
}

void Script::exit(std::uint32_t tid, const Exit& how) {
    TrueTask& task = change(tid);
    task.exited = true;
    task.exit_code = how.code;
    task.flags |= pf_exiting;
    const bool is_last = how.last.value_or(std::ranges::none_of(tasks_, [&](const auto& other) {
        return other.second.ref.tgid == task.ref.tgid && !other.second.exited;
    }));
    // The init of its pid namespace: whoever is number 1 there.
    std::uint32_t init = 1;
    for (const auto& [number, other] : tasks_) {
        if (other.vpids.back().pid_namespace == task.vpids.back().pid_namespace &&
            other.vpids.back().nr == 1) {
            init = other.ref.tgid;
        }
    }
    const std::uint32_t heir = is_last ? how.heir.value_or(init) : 0;
    nst_task_exit event{};
    event.task = task.ref;
    event.ns = hooked(NST_HOOK_exit_namespaces) ? nst_ns_set{} : task.ns;
    event.exit_code = how.code;
    event.last = is_last ? 1 : 0;
    event.heir = heir;
    event.exit_signal = task.ref.tid == task.ref.tgid ? 17 : 0xFFFFFFFF;
    emit(event);
    if (is_last) {
        for (auto& [number, child] : tasks_) {
            if (child.ppid == task.ref.tgid) {
                child.ppid = heir;
            }
        }
    }
}

void Script::leave(std::uint32_t tid, nst_switch_via via) {
    TrueTask& task = change(tid);
    const nst_ns_set before = task.ns;
    task.ns = {};
    task.ns.pid = before.pid;
    task.ns.user = before.user;
    task.exit_state = exit_zombie;
    if (hooked(NST_HOOK_exit_namespaces)) {
        tell_switch(task, before, via);
    }
}

void Script::task_release(std::uint32_t tid, nst_release_via via) {
    const TrueTask& task = of(tid);
    nst_task_release event{};
    event.task = task.ref;
    event.pid_key = task.pid_key;
    event.via = static_cast<nst_u32>(via);
    event.exit_code = task.exit_code;
    event.exit_state = exit_dead;
    event.actor_tid = task.ppid;
    emit(event);
}

void Script::release(std::uint32_t tid, nst_release_via via) {
    const TrueTask task = of(tid);
    if (hooked(NST_HOOK_release_task)) {
        task_release(tid, via);
    }
    released_[tid] = task;
    tasks_.erase(tid);
    if (hooked(NST_HOOK_free_pid)) {
        emit(nst_free_pid{.header = {},
                          .pid_key = task.pid_key,
                          .levels = static_cast<nst_u32>(task.vpids.size()),
                          .actor_tid = task.ppid},
             std::span<const nst_pid_nr>(task.vpids));
    }
}

void Script::task_free(std::uint32_t tid) {
    nst_task_free event{};
    if (const auto gone = released_.find(tid); gone != released_.end()) {
        event.task = gone->second.ref;
        released_.erase(gone);
    } else {
        event.task = of(tid).ref;
        tasks_.erase(tid);
    }
    emit(event);
}

void Script::die(std::uint32_t tid, const Exit& how) {
    zombie(tid, how);
    release(tid);
    task_free(tid);
}

void Script::free_entry(std::uint32_t inum) {
    emit(nst_inum_free{.header = {}, .inum = inum, .point = NST_hook_point_entry});
}

void Script::free_exit(std::uint32_t inum) {
    emit(nst_inum_free{.header = {}, .inum = inum, .point = NST_hook_point_exit});
}

void Script::fork_cleanup(std::uint32_t actor, std::uint64_t key, std::uint32_t tid) {
    nst_ns_switch event{};
    event.task = {.key = key, .start_boottime_ns = 0, .tid = tid, .tgid = tid};
    event.actor_key = of(actor).ref.key;
    event.actor_tid = actor;
    event.via = NST_switch_via_exit;
    event.before = of(actor).ns;
    emit(event);
}

std::optional<Task> Script::task(std::uint32_t tid) const {
    return world.view().task(tid);
}

std::optional<Namespace> Script::ns(std::uint32_t inum) const {
    return world.view().ns(inum);
}

std::uint32_t Script::ppid(std::uint32_t tid) const {
    const auto known = task(tid);
    return known ? known->ppid().value_or(~0U) : ~0U;
}

std::uint32_t Script::tasks_in(std::uint32_t inum) const {
    const auto known = ns(inum);
    return known ? known->population().tasks : 0;
}

std::size_t Script::processes() const {
    std::set<std::uint32_t> groups;
    for (const Task& task : world.view().tasks()) {
        groups.insert(task.tgid());
    }
    return groups.size();
}

}  // namespace nstrail::test
