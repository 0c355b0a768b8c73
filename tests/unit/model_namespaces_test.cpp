// SPDX-License-Identifier: Apache-2.0
// Births and deaths of namespaces, under identities that survive the reuse of inode numbers.
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint64_t all_new = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
                                  CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWUSER | CLONE_NEWTIME;

TEST(Namespaces, TheFirstSnapshotsAreNotBirths) {
    const Script s;
    const auto now = s.world.view();
    EXPECT_EQ(now.namespace_count(), 8U);
    EXPECT_EQ(sum(s.account().created), 0U);
    EXPECT_EQ(sum(s.account().appeared), 0U);
    for (const auto& row : now.namespaces()) {
        EXPECT_FALSE(row.record().born);
        EXPECT_EQ(row.record().gen, 1U);
        EXPECT_EQ(row.record().inum, initial(row.record().type));
        EXPECT_EQ(row.state(), NsState::alive);
        EXPECT_EQ(row.population().tasks, 2U) << type_name(row.record().type);
    }
}

TEST(Namespaces, CloneWithAllFlagsMakesOneOfEach) {
    Script s;
    s.fork({.tid = 100, .flags = all_new, .comm = "box"});
    const nst_ns_set& ns = s.of(100).ns;
    for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
        EXPECT_EQ(s.account().created[type], 1U) << type_name(static_cast<NsType>(type));
    }
    EXPECT_EQ(sum(s.account().appeared), 0U);
    for (const Slot slot : all_slots) {
        const auto row = s.ns(inum_of(ns, slot));
        ASSERT_TRUE(row) << slot_name(slot);
        EXPECT_EQ(row->record().type, slot_type(slot));
        EXPECT_TRUE(row->record().born);
        EXPECT_EQ(row->population().tasks, 1U) << slot_name(slot);
        EXPECT_EQ(row->record().creator_tid, 1U);
        EXPECT_STREQ(row->record().creator_comm.data(), "init");
        EXPECT_TRUE(row->record().certain);
        EXPECT_EQ(s.task(100)->ns()[slot], row->record().inum);
    }
    EXPECT_EQ(s.ns(ns.user)->record().parent, initial(NST_ns_type_user));
    EXPECT_EQ(s.ns(ns.user)->record().level, 1U);
    EXPECT_EQ(s.ns(ns.pid)->record().parent, initial(NST_ns_type_pid));
    EXPECT_EQ(s.ns(ns.net)->record().owner, ns.user)
        << "made along with a user namespace, owned by it";
    EXPECT_EQ(s.tasks_in(initial(NST_ns_type_uts)), 2U) << "the parent stays where it is";
}

TEST(Namespaces, UnshareMovesOneTask) {
    Script s;
    s.fork({.tid = 100, .comm = "unshare"});
    s.fork({.tid = 101, .parent = 100});
    s.unshare(100, CLONE_NEWUTS | CLONE_NEWNET);
    EXPECT_EQ(s.account().created[NST_ns_type_uts], 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_net], 1U);
    EXPECT_EQ(s.account().switches[NST_switch_via_switched], 1U);
    const auto& moves = s.account().moves[NST_switch_via_switched];
    EXPECT_EQ(moves[NST_ns_type_uts], 1U);
    EXPECT_EQ(moves[NST_ns_type_net], 1U);
    EXPECT_EQ(sum(moves), 2U);
    const std::uint32_t uts = s.of(100).ns.uts;
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], uts);
    EXPECT_EQ(s.tasks_in(uts), 1U);
    EXPECT_EQ(s.ns(uts)->record().creator_tid, 100U);
    EXPECT_STREQ(s.ns(uts)->record().creator_comm.data(), "unshare");
    EXPECT_EQ(s.task(101)->ns()[Slot::uts], initial(NST_ns_type_uts)) << "its child did not move";
    EXPECT_EQ(s.task(100)->ns()[Slot::mnt], initial(NST_ns_type_mnt));
}

TEST(Namespaces, SetnsMovesThereAndBack) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWNET});
    s.fork({.tid = 101});
    const std::uint32_t net = s.of(100).ns.net;
    s.setns(101, Slot::net, net);
    EXPECT_EQ(s.tasks_in(net), 2U);
    s.setns(101, Slot::net, initial(NST_ns_type_net));
    EXPECT_EQ(s.tasks_in(net), 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_net], 1U) << "entering is no birth";
    EXPECT_EQ(s.account().switches[NST_switch_via_switched], 2U);
    EXPECT_EQ(s.account().switches_seen_late, 0U);
}

TEST(Namespaces, TimeForChildrenBecomesTimeAtExec) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWTIME);
    const std::uint32_t time = s.of(100).ns.time_for_children;
    EXPECT_EQ(s.task(100)->ns()[Slot::time], initial(NST_ns_type_time));
    EXPECT_EQ(s.tasks_in(time), 0U);
    EXPECT_EQ(s.ns(time)->population().next_children, 1U);
    EXPECT_EQ(s.ns(time)->state(), NsState::empty);
    nst_ns_switch exec{};
    exec.task = s.of(100).ref;
    exec.actor_key = exec.task.key;
    exec.via = NST_switch_via_exec;
    exec.before = s.of(100).ns;
    exec.after = exec.before;
    exec.after.nsproxy++;
    exec.after.time = time;
    s.emit(exec);
    EXPECT_EQ(s.tasks_in(time), 1U);
    EXPECT_EQ(s.account().switches[NST_switch_via_exec], 1U);
}

TEST(Namespaces, UserNamespacesFollowCredentials) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWUSER);
    const std::uint32_t user = s.of(100).ns.user;
    EXPECT_EQ(s.task(100)->ns()[Slot::user], user);
    EXPECT_EQ(s.tasks_in(user), 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_user], 1U);
    EXPECT_EQ(s.account().user_ns_switches, 1U);
    EXPECT_EQ(sum(s.account().created), 1U);
    EXPECT_EQ(s.ns(user)->record().parent, initial(NST_ns_type_user));
    s.fork({.tid = 101});
    s.setns(101, Slot::user, user);
    EXPECT_EQ(s.tasks_in(user), 2U);
    EXPECT_EQ(s.account().user_ns_switches, 2U);
}

TEST(Namespaces, UnshareOfBothSwitchesFirstAndTakesCredentialsThen) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWUSER | CLONE_NEWUTS);
    const nst_ns_set& ns = s.of(100).ns;
    EXPECT_EQ(s.task(100)->ns()[Slot::user], ns.user);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], ns.uts);
    EXPECT_EQ(s.ns(ns.uts)->record().owner, ns.user);
}

TEST(Namespaces, AreEmptyWithoutTasksAndGoneOnceFreed) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.die(100);
    ASSERT_TRUE(s.ns(uts)) << "a bind mount may hold it";
    EXPECT_EQ(s.ns(uts)->state(), NsState::empty);
    EXPECT_EQ(s.account().destroyed[NST_ns_type_uts], 0U);
    s.inum_free(uts);
    EXPECT_FALSE(s.ns(uts));
    EXPECT_EQ(s.account().destroyed[NST_ns_type_uts], 1U);
    EXPECT_EQ(sum(s.account().destroyed), 1U);
    EXPECT_EQ(sum(s.account().lifetimes[NST_ns_type_uts].counts), 1U);
    EXPECT_GT(s.account().lifetimes[NST_ns_type_uts].sum_ns, 0U);
    EXPECT_EQ(sum(s.account().lifetimes[NST_ns_type_net].counts), 0U);
}

// What a zombie was in may be kept for the next one, but not beyond the last task.
TEST(Namespaces, AreEmptyOnceTheLastOfManyHasLeft) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUSER, .comm = "init"});
    const nst_ns_set ns = s.of(100).ns;
    for (std::uint32_t child = 101; child < 140; child++) {
        s.fork({.tid = child, .parent = 100});
        s.die(child);
        for (const std::uint32_t inum : {ns.pid, ns.user}) {
            EXPECT_EQ(s.ns(inum)->state(), NsState::alive);
            EXPECT_EQ(s.ns(inum)->population(), (Population{1, 0, inum == ns.pid ? 1U : 0U}));
            EXPECT_EQ(s.ns(inum)->record().emptied_ns, 0U);
        }
    }
    s.die(100);
    for (const std::uint32_t inum : {ns.pid, ns.user}) {
        EXPECT_EQ(s.ns(inum)->state(), NsState::empty);
        EXPECT_EQ(s.ns(inum)->population(), Population{});
        EXPECT_NE(s.ns(inum)->record().emptied_ns, 0U);
        s.inum_free(inum);
        EXPECT_FALSE(s.ns(inum));
    }
}

TEST(Namespaces, AreEmptyEachThoughZombiesOfManyWereKept) {
    Script s;
    std::vector<nst_ns_set> sets;
    for (std::uint32_t box = 0; box < 40; box++) {
        const std::uint32_t init = 100 + (10 * box);
        s.fork({.tid = init, .flags = CLONE_NEWPID | CLONE_NEWUSER, .comm = "init"});
        sets.push_back(s.of(init).ns);
        s.fork({.tid = init + 1, .parent = init});
        s.die(init + 1);
    }
    for (std::uint32_t box = 0; box < 40; box++) {
        EXPECT_EQ(s.ns(sets[box].pid)->state(), NsState::alive);
        const std::uint32_t next = 100 + (10 * (box + 1));
        if (box + 1 < 40) {
            s.fork({.tid = next + 1, .parent = next});
            s.die(next + 1);
        }
        s.die(100 + (10 * box));
        EXPECT_EQ(s.ns(sets[box].pid)->state(), NsState::empty);
        EXPECT_EQ(s.ns(sets[box].user)->state(), NsState::empty);
        EXPECT_EQ(s.tasks_in(sets[box].pid), 0U);
    }
}

// What is kept of one zombie is no task that what is kept of another could stay for.
TEST(Namespaces, AreEmptyThoughTheLastTwoZombiesWereOfTwoUsers) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID, .comm = "init"});
    const std::uint32_t pid = s.of(100).ns.pid;
    s.fork({.tid = 101, .parent = 100});
    s.unshare(101, CLONE_NEWUSER);
    s.fork({.tid = 102, .parent = 101, .flags = CLONE_NEWPID});
    s.zombie(100);
    s.die(101);
    EXPECT_NE(s.ns(pid)->state(), NsState::empty);
    s.release(100);
    EXPECT_EQ(s.ns(pid)->state(), NsState::empty);
    EXPECT_NE(s.ns(pid)->record().emptied_ns, 0U);
}

TEST(Namespaces, OfASessionBeforeLeaveNoSetBehind) {
    Script s;
    s.fork({.tid = 100});
    s.die(100);
    s.session(~0ULL, 7);
    s.snapshot(1);
    EXPECT_EQ(s.tasks_in(initial(NST_ns_type_pid)), 2U);
    s.fork({.tid = 101});
    s.die(101);
    EXPECT_EQ(s.tasks_in(initial(NST_ns_type_pid)), 2U);
    EXPECT_EQ(s.ns(initial(NST_ns_type_pid))->state(), NsState::alive);
}

// A pid or user namespace holds its parent (put loops of free_pid_ns and free_user_ns). Kernels
// before 6.7 do not count the runs of kprobe programs that they skip (trace_call_bpf), so that an
// end may be lost without a gap.
TEST(Namespaces, WhatOutlivesItsParentHasEndedUnseen) {
    const auto look_for_holders = [](Script& s, std::uint32_t round) {
        for (const auto what : {NST_mark_what_holders_begin, NST_mark_what_holders_end}) {
            nst_mark mark{};
            mark.what = what;
            mark.round = round;
            s.emit(mark);
        }
    };
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    const std::uint32_t outer = s.of(100).ns.pid;
    const std::uint32_t inner = s.of(101).ns.pid;
    ASSERT_EQ(s.ns(inner)->record().parent, outer);
    s.die(101);
    s.die(100);
    look_for_holders(s, 1);
    ASSERT_TRUE(s.ns(inner)) << "a mount of procfs, which nobody can tell, may hold it";
    s.inum_free(outer);
    look_for_holders(s, 2);
    EXPECT_FALSE(s.ns(inner));
    EXPECT_EQ(s.account().forgotten[NST_ns_type_pid], 1U);

    s.fork({.tid = 102, .flags = CLONE_NEWPID});
    s.fork({.tid = 103, .parent = 102, .flags = CLONE_NEWPID});
    const std::uint32_t reused = s.of(102).ns.pid;
    const std::uint32_t lost = s.of(103).ns.pid;
    s.die(103);
    s.die(102);
    s.inum_free(reused);
    s.next_inum(reused);
    s.fork({.tid = 104, .flags = CLONE_NEWPID});
    ASSERT_TRUE(s.ns(reused));
    look_for_holders(s, 3);
    EXPECT_FALSE(s.ns(lost)) << "its parent is another namespace by now";
    EXPECT_TRUE(s.ns(reused));
}

// A fork that fails (bad_fork_cleanup_namespaces) makes no task and leaves nothing.

TEST(Namespaces, AFailedForkLeavesNothing) {
    Script s;
    const std::size_t before = s.world.task_count();
    const std::uint32_t inum = 0xF0009000;
    s.inum_alloc(inum, 1, 0x777);
    const nst_pid_request numbers[] = {
        {.pid_namespace = initial(NST_ns_type_pid), .nr = 300, .asked = 0, .last_pid = 0}};
    s.alloc_pid(1, numbers);
    s.emit(nst_free_pid{.header = {}, .pid_key = 1, .levels = 0, .actor_tid = 1});
    // Before alloc_pid the half-made child's pid field is the parent's: the key alone tells them
    // apart.
    s.fork_cleanup(1, 0x123456, 1);
    s.inum_free(inum);
    EXPECT_EQ(s.account().forks_failed, 1U);
    EXPECT_EQ(s.account().tasks_born, 0U);
    EXPECT_EQ(s.world.task_count(), before);
    EXPECT_EQ(s.task(1)->state(), TaskState::alive) << "the parent";
    EXPECT_FALSE(s.ns(inum));
    EXPECT_EQ(sum(s.account().created), 0U);
    EXPECT_EQ(sum(s.account().destroyed), 0U);
    EXPECT_EQ(s.account().switches[NST_switch_via_exit], 0U);
    // What comes next is not taken for it.
    s.next_inum(inum);
    s.fork({.tid = 300, .flags = CLONE_NEWUSER, .key = 0x123456});
    EXPECT_EQ(s.ns(inum)->record().type, NST_ns_type_user);
    EXPECT_EQ(s.account().created[NST_ns_type_user], 1U);
}

TEST(Namespaces, AnUnshareThatFailsHalfWayLeavesNothing) {
    Script s;
    s.fork({.tid = 100});
    for (const std::uint32_t inum : {0xF0009000U, 0xF0009001U}) {
        s.inum_alloc(inum, 100, 0x700 + inum);
    }
    for (const std::uint32_t inum : {0xF0009000U, 0xF0009001U}) {
        s.inum_free(inum);
    }
    EXPECT_EQ(s.world.view().namespace_count(), 8U);
    EXPECT_EQ(sum(s.account().created), 0U);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], initial(NST_ns_type_uts));
}

TEST(Namespaces, EntriesOfProcfsNeverBecomeNamespaces) {
    // They share the allocator: registering a network namespace makes dozens.
    Script s;
    for (std::uint32_t i = 0; i < 1000; i++) {
        s.inum_alloc(0xF0002000 + i, 1, 0x5000 + i);
    }
    EXPECT_EQ(s.world.view().namespace_count(), 8U);
    for (std::uint32_t i = 0; i < 1000; i++) {
        s.inum_free(0xF0002000 + i);
    }
    EXPECT_EQ(sum(s.account().created), 0U);
    EXPECT_EQ(sum(s.account().destroyed), 0U);
}

// inums are used again at once, and across types.

TEST(Namespaces, AnInumUsedAgainIsAnotherNamespace) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS, .comm = "first"});
    const std::uint32_t inum = s.of(100).ns.uts;
    s.die(100);
    s.inum_free(inum);
    s.next_inum(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWUTS});
    ASSERT_EQ(s.of(101).ns.uts, inum);
    EXPECT_EQ(s.ns(inum)->record().gen, 2U);
    EXPECT_EQ(s.tasks_in(inum), 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_uts], 2U);
    EXPECT_EQ(s.account().destroyed[NST_ns_type_uts], 1U);
}

TEST(Namespaces, AnInumUsedAgainByAnotherTypeIsAnotherNamespace) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inum = s.of(100).ns.pid;
    s.die(100);
    s.inum_free(inum);
    s.next_inum(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWUSER});
    const auto row = s.ns(inum);
    EXPECT_EQ(row->record().type, NST_ns_type_user);
    EXPECT_EQ(row->record().gen, 2U);
    EXPECT_EQ(row->record().init_tgid, 0U) << "nothing of the old one is left";
    EXPECT_FALSE(row->record().last_pid_known);
    EXPECT_EQ(s.account().destroyed[NST_ns_type_pid], 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_user], 1U);
}

TEST(Namespaces, AnotherKernelIdIsAnotherNamespace) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWNET});
    const std::uint32_t net = s.of(100).ns.net;
    nst_namespace facts = s.look_ns(net);
    facts.id = 41;
    s.emit(facts);
    EXPECT_EQ(s.ns(net)->record().id, 41U);
    EXPECT_EQ(s.ns(net)->record().gen, 1U) << "learning the id of a known one";
    facts.id = 42;
    s.emit(facts);
    EXPECT_EQ(s.ns(net)->record().gen, 2U);
}

// The hooks on proc_free_inum are a pair, so that one skipped program loses nothing.

struct Reuse : testing::Test {
    Script s;
    std::uint32_t inum = 0;

    void SetUp() override {
        s.fork({.tid = 100, .flags = CLONE_NEWUTS});
        inum = s.of(100).ns.uts;
        s.die(100);
    }
    void used_again(std::uint32_t tid) {
        s.next_inum(inum);
        s.fork({.tid = tid, .flags = CLONE_NEWIPC});
        EXPECT_EQ(s.of(tid).ns.ipc, inum);
    }
    void expect_second_lives() {
        const auto row = s.ns(inum);
        ASSERT_TRUE(row);
        EXPECT_EQ(row->record().type, NST_ns_type_ipc);
        EXPECT_EQ(row->record().gen, 2U);
        EXPECT_EQ(row->population().tasks, 1U);
        EXPECT_TRUE(row->record().born);
        EXPECT_EQ(s.account().created[NST_ns_type_ipc], 1U);
        EXPECT_EQ(s.account().destroyed[NST_ns_type_uts], 1U);
        EXPECT_EQ(sum(s.account().destroyed), 1U);
    }
    /// And the second one's end is seen as well.
    void expect_second_dies() {
        s.die(101);
        s.inum_free(inum);
        EXPECT_FALSE(s.ns(inum));
        EXPECT_EQ(s.account().destroyed[NST_ns_type_ipc], 1U);
    }
};

TEST_F(Reuse, EntryExitAlloc) {
    s.free_entry(inum);
    EXPECT_FALSE(s.ns(inum));
    s.free_exit(inum);
    used_again(101);
    expect_second_lives();
    expect_second_dies();
}

TEST_F(Reuse, EntryAllocExit) {
    s.free_entry(inum);
    used_again(101);
    s.free_exit(inum);
    expect_second_lives();
    expect_second_dies();
}

TEST_F(Reuse, TheExitTwinInTheMiddleOfABirthTakesNothing) {
    s.free_entry(inum);
    s.next_inum(inum);
    s.inum_alloc(inum, 1, 0x8888);
    s.free_exit(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWIPC});
    expect_second_lives();
}

TEST_F(Reuse, EntrySkipped) {
    s.free_exit(inum);
    EXPECT_FALSE(s.ns(inum)) << "the exit alone tells of the end";
    used_again(101);
    expect_second_lives();
    expect_second_dies();
}

TEST_F(Reuse, EntrySkippedAndExitLate) {
    used_again(101);  // it lives: its end is implied
    s.free_exit(inum);
    expect_second_lives();
    expect_second_dies();
}

TEST_F(Reuse, ExitSkipped) {
    s.free_entry(inum);
    used_again(101);
    expect_second_lives();
    s.die(101);
    s.free_entry(inum);
    s.free_exit(inum);
    EXPECT_FALSE(s.ns(inum));
}

TEST_F(Reuse, BothSkipped) {
    used_again(101);
    expect_second_lives();
    expect_second_dies();
}

TEST_F(Reuse, ManyTimes) {
    for (std::uint32_t i = 0; i < 50; i++) {
        s.free_entry(inum);
        used_again(200 + i);
        s.free_exit(inum);
        s.die(200 + i);
        EXPECT_EQ(s.ns(inum)->record().gen, i + 2);
    }
    s.inum_free(inum);
    EXPECT_FALSE(s.ns(inum));
    EXPECT_EQ(sum(s.account().created), 51U);
    EXPECT_EQ(sum(s.account().destroyed), 51U);
}

TEST(NamespacesWithOneFreeHook, EachTellsOfTheEndAlone) {
    for (const nst_hook missing : {NST_HOOK_inum_free, NST_HOOK_inum_free_done}) {
        Script s(full_hooks & ~bit(missing));
        s.fork({.tid = 100, .flags = CLONE_NEWUTS});
        const std::uint32_t uts = s.of(100).ns.uts;
        for (std::uint32_t i = 0; i < 3; i++) {
            s.die(100);
            missing == NST_HOOK_inum_free ? s.free_exit(uts) : s.free_entry(uts);
            EXPECT_FALSE(s.ns(uts));
            s.next_inum(uts);
            s.fork({.tid = 100, .flags = CLONE_NEWUTS});
        }
        EXPECT_EQ(s.account().destroyed[NST_ns_type_uts], 3U);
        EXPECT_EQ(s.account().created[NST_ns_type_uts], 4U);
    }
}

}  // namespace
}  // namespace nstrail::test
