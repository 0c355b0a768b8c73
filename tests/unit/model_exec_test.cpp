// SPDX-License-Identifier: Apache-2.0
// exec by a thread that is not the leader (de_thread): it takes the leader's tid and start time,
// and the old leader is released under the thread's tid.
#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

/// The thread 101 of 100 executes a program. What is not hooked is not told.
struct Swap {
    std::uint64_t thread_key;
    std::uint64_t leader_key;
    std::uint64_t leader_start;
};

Swap before_exec(Script& s, std::uint64_t flags = 0) {
    s.fork({.tid = 100, .flags = flags, .comm = "leader"});
    s.thread(101, 100);
    s.fork({.tid = 200, .parent = 100});
    s.zombie(100, {.last = false});  // de_thread waits for the leader to be a zombie
    return {.thread_key = s.of(101).ref.key,
            .leader_key = s.of(100).ref.key,
            .leader_start = s.of(100).ref.start_boottime_ns};
}

void expect_swapped(const Script& s, const Swap& swap) {
    EXPECT_FALSE(s.task(101));
    const auto survivor = s.task(100);
    ASSERT_TRUE(survivor);
    EXPECT_EQ(survivor->record().key, swap.thread_key);
    EXPECT_EQ(survivor->tgid(), 100U);
    EXPECT_TRUE(survivor->leader());
    EXPECT_EQ(survivor->start_boottime_ns(), swap.leader_start);
    EXPECT_EQ(survivor->state(), TaskState::alive);
    EXPECT_EQ(survivor->comm(), "new");
    EXPECT_EQ(survivor->vpids()[0].nr, 100U);
    EXPECT_EQ(survivor->ppid(), 1U);
    EXPECT_EQ(s.ppid(200), 100U) << "children stay with the process";
    EXPECT_EQ(s.processes(), 4U);
    EXPECT_EQ(s.world.task_count(), 4U);
    EXPECT_EQ(s.ns(pid0)->population().tasks, 4U);
    EXPECT_EQ(s.ns(pid0)->population().zombies, 0U);
}

TEST(ExecByAThread, TakesTheLeadersTid) {
    Script s;
    const Swap swap = before_exec(s);
    s.exchange(101);
    EXPECT_EQ(s.task(100)->record().key, swap.thread_key);
    EXPECT_EQ(s.task(100)->start_boottime_ns(), swap.leader_start);
    EXPECT_EQ(s.task(101)->record().key, swap.leader_key);
    EXPECT_EQ(s.task(101)->state(), TaskState::zombie);
    EXPECT_EQ(s.task(101)->vpids()[0].nr, 101U);
    s.release(101);
    EXPECT_EQ(s.last.task, nullptr);
    s.exec(100, "new");
    expect_swapped(s, swap);
    s.task_free(101);
    expect_swapped(s, swap);
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
    s.die(100);
    EXPECT_EQ(s.ppid(200), 1U);
    EXPECT_EQ(s.account().tasks_released, 2U);
}

TEST(ExecByAThread, KeepsTheNumbersInItsPidNamespace) {
    Script s;
    before_exec(s, CLONE_NEWPID);  // 100 is number 1 in there
    s.exchange(101);
    s.release(101);
    s.exec(100, "new");
    const auto survivor = s.task(100);
    ASSERT_EQ(survivor->vpids().size(), 2U);
    EXPECT_EQ(survivor->vpids().back().nr, 1U);
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->reaper()->tid(), 100U);
    s.die(200);
    s.zombie(100);
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->state(), NsState::dying) << "it was an init's thread";
}

TEST(ExecByAThread, AnUnknownThreadOpensAGap) {
    Script s;
    s.exists({.tid = 100});
    s.exists({.tid = 101, .parent = 100, .flags = CLONE_THREAD});
    s.exchange(101);
    EXPECT_FALSE(s.world.certain());
    EXPECT_TRUE(s.last.became_uncertain);
    s.snapshot(2);
    EXPECT_TRUE(s.world.certain());
    EXPECT_TRUE(s.task(100));
}

// Without the hook on exchange_tids.

TEST(ExecByAThread, IsLearnedAtExecWhereTheLeaderIsStillKnown) {
    Script s(reduced_hooks);
    const Swap swap = before_exec(s);
    s.exchange(101);
    s.exec(100, "new");
    EXPECT_EQ(s.task(100)->record().key, swap.thread_key);
    EXPECT_EQ(s.task(100)->start_boottime_ns(), swap.leader_start);
    s.release(101);
    s.task_free(101);
    expect_swapped(s, swap);
    EXPECT_EQ(s.account().tasks_released, 1U);
}

TEST(ExecByAThread, IsLearnedFromTheLeadersEndWhereThatComesFirst) {
    // exec may sleep after de_thread(), and an RCU grace period pass before sched_process_exec.
    Script s(reduced_hooks);
    const Swap swap = before_exec(s);
    s.exchange(101);
    s.release(101);
    s.task_free(101);
    s.exec(100, "new");
    expect_swapped(s, swap);
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(ExecByAThread, IsLearnedFromTheReleaseOfTheOldLeader) {
    Script s(full_hooks & ~bit(NST_HOOK_exchange_tids));
    const Swap swap = before_exec(s);
    s.exchange(101);
    s.release(101);
    s.exec(100, "new");
    s.task_free(101);
    expect_swapped(s, swap);
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(ExecByAThread, InAPidNamespaceKeepsItsNumbersInTheReducedModeToo) {
    Script s(reduced_hooks);
    before_exec(s, CLONE_NEWPID);
    s.exchange(101);
    s.release(101);
    s.task_free(101);
    s.exec(100, "new");
    EXPECT_EQ(s.task(100)->vpids().back().nr, 1U);
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->reaper()->tid(), 100U);
}

}  // namespace
}  // namespace nstrail::test
