// SPDX-License-Identifier: Apache-2.0
// Pid namespaces: vectors, levels, the active one and the one for children, the end of an init,
// last pids.
#include <vector>

#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(PidNamespaces, NestTo32Levels) {
    Script s;
    std::vector<std::uint32_t> chain = {pid0};
    for (std::uint32_t level = 1; level < NST_MAX_LEVELS; level++) {
        const std::uint32_t tid = 100 + level;
        s.fork({.tid = tid, .parent = level == 1 ? 1 : tid - 1, .flags = CLONE_NEWPID});
        chain.push_back(s.of(tid).ns.pid);
        const auto ns = s.ns(chain.back());
        ASSERT_TRUE(ns);
        EXPECT_EQ(ns->record().level, level);
        EXPECT_EQ(ns->record().parent, chain[level - 1]);
        EXPECT_EQ(ns->population().tasks, 1U);
        EXPECT_EQ(ns->record().init_tgid, tid);
        EXPECT_EQ(ns->reaper()->tid(), tid);
        const auto task = s.task(tid);
        ASSERT_EQ(task->vpids().size(), level + 1);
        EXPECT_EQ(task->vpids().back().nr, 1U);
        EXPECT_EQ(task->vpids().back().pid_namespace, chain.back());
        EXPECT_EQ(task->vpids()[0].nr, tid);
        for (std::uint32_t i = 0; i <= level; i++) {
            EXPECT_EQ(task->vpids()[i].pid_namespace, chain[i]);
        }
    }
    EXPECT_EQ(s.account().created[NST_ns_type_pid], 32U);
    EXPECT_EQ(s.tasks_in(pid0), 2U);
    // They are killed from the inside out.
    for (std::uint32_t level = NST_MAX_LEVELS - 1; level > 0; level--) {
        s.die(100 + level);
        s.inum_free(chain[level]);
    }
    EXPECT_EQ(s.account().destroyed[NST_ns_type_pid], 32U);
    EXPECT_EQ(s.world.view().namespace_count(), 8U);
}

TEST(PidNamespaces, AreKnownFromVectorsWhereNoFactsCame) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100, .flags = CLONE_NEWPID});
    s.exists({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    s.snapshot_begin(1);
    s.seen(101);
    s.snapshot_end(1);
    const std::uint32_t outer = s.of(100).ns.pid;
    const std::uint32_t inner = s.of(101).ns.pid;
    EXPECT_EQ(s.ns(inner)->record().parent, outer);
    EXPECT_EQ(s.ns(inner)->record().level, 2U);
    EXPECT_EQ(s.ns(outer)->record().parent, pid0);
    EXPECT_EQ(s.ns(outer)->record().level, 1U);
    EXPECT_EQ(s.ns(pid0)->record().level, 0U);
    EXPECT_EQ(s.ns(outer)->state(), NsState::empty);
}

TEST(PidNamespaces, UnshareIsForChildrenOnly) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWPID);
    const std::uint32_t inner = s.of(100).ns.pid_for_children;
    EXPECT_EQ(s.task(100)->ns()[Slot::pid], pid0);
    EXPECT_EQ(s.task(100)->ns()[Slot::pid_for_children], inner);
    EXPECT_EQ(s.ns(inner)->population().tasks, 0U);
    EXPECT_EQ(s.ns(inner)->population().next_children, 1U);
    EXPECT_EQ(s.ns(inner)->state(), NsState::empty);
    EXPECT_EQ(s.account().created[NST_ns_type_pid], 1U);
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.task(101)->ns()[Slot::pid], inner);
    EXPECT_EQ(s.ns(inner)->record().init_tgid, 101U);
    EXPECT_EQ(s.ns(inner)->state(), NsState::alive);
    EXPECT_EQ(s.task(100)->ns()[Slot::pid], pid0);
    EXPECT_EQ(s.ppid(101), 100U) << "a parent outside";
}

TEST(PidNamespaces, SetnsIsForChildrenOnly) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.fork({.tid = 200});
    s.setns(200, Slot::pid_for_children, inner);
    EXPECT_EQ(s.task(200)->ns()[Slot::pid], pid0);
    EXPECT_EQ(s.task(200)->vpids().size(), 1U);
    s.fork({.tid = 201, .parent = 200});
    EXPECT_EQ(s.task(201)->ns()[Slot::pid], inner);
    EXPECT_EQ(s.task(201)->vpids().back().nr, 2U);
    EXPECT_EQ(s.ns(inner)->population().tasks, 2U);
    EXPECT_EQ(s.ns(inner)->record().init_tgid, 100U);
}

TEST(PidNamespaces, AnInitThatDiesWaitsForTheOthers) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    const std::uint32_t inner = s.of(100).ns.pid;
    EXPECT_EQ(s.ns(inner)->state(), NsState::alive);
    s.exit(100, {.code = 9});
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping);
    // zap_pid_ns_processes() runs after exit_task_namespaces() and before it is a zombie.
    s.leave(100);
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping);
    EXPECT_EQ(s.task(100)->state(), TaskState::exiting);
    EXPECT_EQ(s.ns(inner)->population().zombies, 0U);
    s.zombie(101, {.code = 9});
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping) << "a zombie that nobody reaps holds it up";
    EXPECT_EQ(s.ns(inner)->population().zombies, 1U);
    s.release(101);
    EXPECT_EQ(s.ns(inner)->state(), NsState::dying);
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
    EXPECT_EQ(s.ns(inner)->population().zombies, 1U);
    s.release(100);
    EXPECT_EQ(s.ns(inner)->state(), NsState::empty);
    s.inum_free(inner);
    EXPECT_FALSE(s.ns(inner));
}

TEST(PidNamespaces, AnInitWaitsForThoseBelowToo) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    const std::uint32_t outer = s.of(100).ns.pid;
    const std::uint32_t inner = s.of(101).ns.pid;
    s.zombie(100);
    EXPECT_EQ(s.ns(outer)->population().tasks, 1U);
    EXPECT_EQ(s.ns(outer)->state(), NsState::zapping) << "101 has a number there";
    EXPECT_EQ(s.ns(inner)->state(), NsState::alive);
    s.die(101);
    EXPECT_EQ(s.ns(outer)->state(), NsState::dying);
}

TEST(PidNamespaces, ThreadsOfTheInitAreNotTheOthers) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.thread(101, 100);
    const std::uint32_t inner = s.of(100).ns.pid;
    s.zombie(100, {.last = false});
    EXPECT_EQ(s.ns(inner)->state(), NsState::alive) << "a thread of the init is left";
    EXPECT_EQ(s.ns(inner)->reaper()->tid(), 101U) << "and reaps";
    s.exit(101);
    s.leave(101);
    EXPECT_EQ(s.ns(inner)->state(), NsState::dying) << "nobody but the init's own group is left";
}

TEST(PidNamespaces, TheOldestThreadOfAnInitReapsWhereItsLeaderHasEnded) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    // Numbers begin anew at the end of their range.
    for (const std::uint32_t tid : {300U, 200U, 250U}) {
        s.thread(tid, 100);
    }
    const std::uint32_t inner = s.of(100).ns.pid;
    EXPECT_EQ(s.ns(inner)->reaper()->tid(), 100U);
    s.zombie(100, {.last = false});
    EXPECT_EQ(s.ns(inner)->reaper()->tid(), 300U) << "the first that began, not the least number";
    s.exit(300);
    s.leave(300);
    s.release(300);
    s.thread(150, 200);
    EXPECT_EQ(s.ns(inner)->reaper()->tid(), 200U);
}

TEST(PidNamespaces, AMultithreadedInitReapsAsItsLeaderFirst) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID, .comm = "init"});
    s.thread(90, 100);
    const auto row = s.ns(s.of(100).ns.pid);
    EXPECT_EQ(row->reaper()->tid(), 100U);
    EXPECT_EQ(row->reaper()->comm(), "init");
}

TEST(PidNamespaces, CountsOfAUserNamespaceAgreeWhileAnInitZaps) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUSER});
    s.fork({.tid = 101, .parent = 100});
    s.zombie(100);
    std::uint32_t zombies = 0;
    const auto now = s.world.view();
    for (const auto& row : now.tasks()) {
        zombies += row.state() == TaskState::zombie ? 1 : 0;
    }
    EXPECT_EQ(zombies, 0U);
    EXPECT_EQ(s.ns(s.of(100).ns.user)->population().zombies, 0U);
}

TEST(PidNamespaces, ASnapshotFindsAnInitThatZaps) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100, .flags = CLONE_NEWPID});
    s.exists({.tid = 101, .parent = 100});
    const std::uint32_t inner = s.of(100).ns.pid;
    // As the iterator finds it in zap_pid_ns_processes(): no nsproxy, PF_EXITING, not yet a zombie,
    // and nobody may be added any more.
    TrueTask& init = s.change(100);
    init.flags |= 0x4;
    init.ns = left(init.ns);
    nst_namespace facts = s.look_ns(inner);
    facts.pid_allocated = 2;
    s.snapshot_begin(1);
    s.seen(1);
    s.ns_seen(facts);
    s.seen(100);
    s.seen(101);
    s.snapshot_end(1);
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping);
    EXPECT_EQ(s.task(100)->state(), TaskState::exiting);
    s.die(101);
    EXPECT_EQ(s.ns(inner)->state(), NsState::dying);
}

TEST(PidNamespaces, AnInitThatExitsBeforeItsRecordIsDyingToo) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100, .flags = CLONE_NEWPID});
    s.exists({.tid = 101, .parent = 100});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.snapshot_begin(1);
    s.seen(1);
    const auto init = s.look(100);
    s.zombie(100);
    s.ns_seen(inner);
    s.seen(init);
    s.seen(101);
    s.snapshot_end(1);
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping);
}

TEST(PidNamespaces, AFirstForkThatFailsLeavesItEmpty) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWPID);
    const std::uint32_t inner = s.of(100).ns.pid_for_children;
    s.fork_cleanup(100, 0x4242, 100);
    s.alloc_pid_fails(100, 12);
    EXPECT_EQ(s.ns(inner)->state(), NsState::empty);
    EXPECT_EQ(s.account().alloc_failures.at(12), 1U);
    EXPECT_EQ(s.task(100)->ns()[Slot::pid_for_children], inner);
}

// Last pids.

TEST(LastPid, FollowsAllocationAtEveryLevel) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 100U);
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 101U);
    ASSERT_TRUE(s.ns(inner)->record().last_pid_known);
    EXPECT_EQ(s.ns(inner)->record().last_pid, 2U);
}

TEST(LastPid, BeginsAnewAfterPidMax) {
    Script s;
    nst_session session = s.world.session();
    session.pid_max = 310;
    s.emit(session);
    s.fork({.tid = 300});
    const std::uint64_t before = s.account().pid_jumps;
    for (std::uint32_t tid = 301; tid < 310; tid++) {
        s.fork({.tid = tid});
    }
    s.die(305);
    s.fork({.tid = 305});
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 305U);
    EXPECT_EQ(s.ns(pid0)->record().last_move, PidMove::allocation);
    EXPECT_EQ(s.account().pid_jumps, before);
}

TEST(LastPid, AllocationsToldInAnotherOrderMoveItOnce) {
    Script s;
    const auto allocate = [&](std::uint32_t nr, std::uint32_t last) {
        const nst_pid_request number{.pid_namespace = pid0, .nr = nr, .asked = 0, .last_pid = last};
        s.alloc_pid(1, std::span(&number, 1));
    };
    s.fork({.tid = 100});
    const std::uint64_t before = s.account().pid_jumps;
    allocate(102, 102);
    allocate(101, 101);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 102U) << "101 was read before 102 was given";
    allocate(103, 104);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 104U) << "another was given meanwhile";
    allocate(104, 104);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 104U);
    EXPECT_EQ(s.account().pid_jumps, before);
}

TEST(LastPid, AWriteMovesItAndSaysWho) {
    Script s;
    s.fork({.tid = 100, .comm = "criu"});
    const std::uint64_t before = s.account().pid_jumps;
    s.ns_last_pid(pid0, 20, 100);
    const auto written = s.ns(pid0);
    EXPECT_EQ(written->record().last_pid, 20U);
    EXPECT_EQ(written->record().last_move, PidMove::write);
    EXPECT_EQ(written->record().mover_tid, 100U);
    EXPECT_EQ(text_of(written->record().mover_comm.data(), 16), "criu");
    s.fork({.tid = 21});
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 21U);
    EXPECT_EQ(s.ns(pid0)->record().last_move, PidMove::allocation);
    EXPECT_EQ(s.account().pid_jumps, before);
}

TEST(LastPid, AJumpThatNothingExplainsIsOne) {
    Script s;
    s.fork({.tid = 100});
    const std::uint64_t before = s.account().pid_jumps;
    s.fork({.tid = 9000});
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 9000U);
    EXPECT_EQ(s.ns(pid0)->record().last_move, PidMove::jump);
    EXPECT_EQ(s.account().pid_jumps, before + 1);
}

TEST(LastPid, TheVectorGoesInnermostFirst) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(101).ns.pid;
    EXPECT_EQ(pid_vector_text(s.ns(inner)->last_pid_vector()), "1:2:101");
}

TEST(LastPid, IsNotMovedByNumbersAskedFor) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    const std::uint32_t before = s.ns(inner)->record().last_pid;
    const nst_pid_request numbers[] = {
        {.pid_namespace = pid0, .nr = 300, .asked = 0, .last_pid = 0},
        {.pid_namespace = inner, .nr = 9, .asked = 9, .last_pid = 0}};
    s.alloc_pid(100, numbers, 1);
    EXPECT_EQ(s.ns(inner)->record().last_pid, before);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 300U);
    EXPECT_EQ(s.account().set_tid_granted, 1U);
    EXPECT_EQ(s.account().set_tid_refused, 0U);
}

TEST(LastPid, IsNotMovedByAllocationsThatFail) {
    Script s;
    s.fork({.tid = 100});
    s.alloc_pid_fails(100, 17, 1);
    s.alloc_pid_fails(100, 17, 1);
    s.alloc_pid_fails(100, 11);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 100U);
    EXPECT_EQ(s.account().alloc_failures.at(17), 2U);
    EXPECT_EQ(s.account().alloc_failures.at(11), 1U);
    EXPECT_EQ(s.account().set_tid_refused, 2U);
    EXPECT_EQ(s.account().set_tid_granted, 0U);
}

TEST(LastPid, FollowsWritesToNsLastPid) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.ns_last_pid(s.of(100).ns.pid, 5000, 100);
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->record().last_pid, 5000U);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 100U);
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->record().last_pid, 5001U);
}

TEST(LastPid, ALiveAllocationBeatsARecordReadBefore) {
    Script s;
    const nst_namespace before = s.look_ns(pid0);
    s.snapshot_begin(2);
    s.fork({.tid = 400});
    s.ns_seen(before);
    s.snapshot_end(2);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 400U);
}

TEST(LastPid, IsToldAgainByTheSnapshotAfterALoss) {
    Script s;
    s.gap();
    nst_namespace now = s.look_ns(pid0);
    now.last_pid = 900;
    s.snapshot_begin(2);
    s.ns_seen(now);
    s.seen(1);
    s.seen(2);
    s.snapshot_end(2);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 900U);
}

TEST(LastPid, IsToldByEverySnapshotWhereAllocationIsNotSeen) {
    Script s(reduced_hooks);
    nst_namespace now = s.look_ns(pid0);
    now.last_pid = 900;
    s.snapshot_begin(2);
    s.ns_seen(now);
    s.seen(1);
    s.seen(2);
    s.snapshot_end(2);
    EXPECT_EQ(s.ns(pid0)->record().last_pid, 900U);
}

}  // namespace
}  // namespace nstrail::test
