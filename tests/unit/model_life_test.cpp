// SPDX-License-Identifier: Apache-2.0
// The lives of tasks: birth, threads, exec, exit, zombie, release, and addresses that are used
// again.
#include <string>

#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(Life, ATaskLivesFromTaskNewToRelease) {
    Script s;
    const std::size_t before = s.world.task_count();
    s.fork({.tid = 100, .parent = 1, .comm = "sh"});
    const auto born = s.task(100);
    ASSERT_TRUE(born);
    EXPECT_EQ(born->tgid(), 100U);
    EXPECT_EQ(born->comm(), "sh");
    EXPECT_EQ(born->start_boottime_ns(), s.of(100).ref.start_boottime_ns);
    EXPECT_EQ(born->state(), TaskState::alive);
    EXPECT_EQ(born->ppid(), 1U);
    EXPECT_FALSE(born->soft());
    EXPECT_EQ(s.world.task_count(), before + 1);

    s.exec(100, "true");
    EXPECT_EQ(s.task(100)->comm(), "true");
    s.exit(100, {.code = 3 << 8});
    EXPECT_EQ(s.task(100)->state(), TaskState::exiting);
    EXPECT_EQ(s.task(100)->exit_code(), 3 << 8);
    EXPECT_NE(s.task(100)->ns()[Slot::mnt], 0U) << "its namespaces are its own until it lets go";
    s.leave(100);
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
    s.release(100);
    EXPECT_FALSE(s.task(100));
    EXPECT_EQ(s.world.find_task(100), nullptr);
    EXPECT_EQ(s.world.task_count(), before);
    s.task_free(100);

    EXPECT_EQ(s.account().tasks_born, 1U);
    EXPECT_EQ(s.account().tasks_exited, 1U);
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Life, TheTimeFromExitToReleaseIsCounted) {
    Script s;
    s.fork({.tid = 100});
    s.exit(100);
    const std::uint64_t exited = s.world.view().at_boot_ns();
    s.leave(100);
    s.release(100);
    const Durations& took = s.account().exit_to_release;
    EXPECT_EQ(took.counts[0], 1U);
    EXPECT_EQ(sum(took.counts), 1U);
    EXPECT_GT(took.sum_ns, 0U);
    EXPECT_LE(took.sum_ns, s.world.view().at_boot_ns() - exited);
}

TEST(Life, ADurationIsCountedByTheBoundThatItKeepsTo) {
    Durations took;
    for (const std::uint64_t ns : {std::uint64_t{0}, Durations::bounds_ns[0],
                                   Durations::bounds_ns[0] + 1, ~std::uint64_t{0} / 2}) {
        took.add(ns);
    }
    EXPECT_EQ(took.counts.front(), 2U);
    EXPECT_EQ(took.counts[1], 1U);
    EXPECT_EQ(took.counts.back(), 1U);
}

TEST(Life, AChangeTellsWhatAnEventDid) {
    Script s;
    s.fork({.tid = 100});
    ASSERT_NE(s.last.task, nullptr);
    EXPECT_EQ(s.last.task->tid, 100U);
    s.exit(100, {.code = 9});
    EXPECT_EQ(s.last.task->exit_code, 9);
    s.leave(100);
    s.task_release(100);
    ASSERT_TRUE(s.last.released);
    EXPECT_EQ(s.last.released->tid, 100U);
    EXPECT_EQ(s.last.released->exit_code, 9);
    EXPECT_EQ(s.last.task, nullptr);
}

TEST(Life, AReleaseToldTwiceCountsOnce) {
    Script s;
    s.fork({.tid = 100});
    s.zombie(100);
    s.task_release(100);
    s.task_release(100, NST_release_via_loop);
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Life, AnExitToldTwiceCountsOnce) {
    // switch_task_namespaces inside exit_task_namespaces, where the compiler did not inline it.
    Script s;
    s.fork({.tid = 100});
    s.exit(100);
    const nst_ns_set before = s.of(100).ns;
    s.leave(100, NST_switch_via_exit);
    s.emit(nst_ns_switch{.header = {},
                         .task = s.of(100).ref,
                         .actor_key = s.of(100).ref.key,
                         .actor_tid = 100,
                         .via = NST_switch_via_switched,
                         .before = before,
                         .after = {},
                         .references = 0});
    EXPECT_EQ(s.account().switches[NST_switch_via_exit], 1U);
    EXPECT_EQ(s.account().switches[NST_switch_via_switched], 0U);
    EXPECT_EQ(s.ns(pid0)->population().zombies, 1U);
}

TEST(Life, TaskFreeIsASecondWitness) {
    Script s;
    s.fork({.tid = 100});
    s.zombie(100);
    s.task_free(100);  // release_task is hooked, but was skipped
    EXPECT_FALSE(s.task(100));
    EXPECT_TRUE(s.last.released);
    EXPECT_EQ(s.account().tasks_released, 0U);
    EXPECT_EQ(s.account().tasks_dropped, 1U);
}

TEST(Life, ThreadsShareTheirGroup) {
    Script s;
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.thread(102, 101);
    for (const std::uint32_t tid : {101U, 102U}) {
        EXPECT_EQ(s.task(tid)->tgid(), 100U);
        EXPECT_FALSE(s.task(tid)->leader());
        EXPECT_EQ(s.ppid(tid), 1U) << "the parent is the group's, not the thread that made it";
    }
    EXPECT_EQ(s.processes(), 3U) << "init, kthreadd and one";
    EXPECT_EQ(s.tasks_in(pid0), 5U);
}

TEST(Life, AChildOfAThreadIsAChildOfItsProcess) {
    Script s;
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.fork({.tid = 200, .parent = 101});
    EXPECT_EQ(s.ppid(200), 100U);
}

TEST(Life, CloneParentMakesASibling) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_PARENT, .ppid = 1});
    EXPECT_EQ(s.ppid(101), 1U);
}

TEST(Life, AThreadThatEndsLeavesItsProcess) {
    Script s;
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.fork({.tid = 200, .parent = 101});
    s.die(101);
    EXPECT_FALSE(s.task(101));
    EXPECT_EQ(s.task(100)->state(), TaskState::alive);
    EXPECT_EQ(s.ppid(200), 100U) << "children belong to the process";
}

TEST(Life, ALeaderThatExitsFirstStaysAZombie) {
    Script s;
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.fork({.tid = 200, .parent = 100});
    s.zombie(100);
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
    EXPECT_EQ(s.task(101)->state(), TaskState::alive);
    EXPECT_EQ(s.ppid(200), 100U) << "the process lives in its thread";
    // The last thread takes the leader along in release_task's loop.
    s.zombie(101);
    EXPECT_EQ(s.ppid(200), 1U);
    s.release(101);
    s.release(100, NST_release_via_loop);
    EXPECT_EQ(s.account().tasks_released, 2U);
    EXPECT_FALSE(s.task(100));
    EXPECT_FALSE(s.task(101));
}

TEST(Life, ZombiesAreCountedWithTheirNamespaces) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET});
    const nst_ns_set ns = s.of(100).ns;
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.ns(ns.pid)->population().tasks, 2U);
    EXPECT_EQ(s.ns(ns.pid)->population().zombies, 0U);
    s.zombie(101);
    EXPECT_EQ(s.ns(ns.pid)->population().tasks, 2U) << "it still has its number";
    EXPECT_EQ(s.ns(ns.pid)->population().zombies, 1U);
    EXPECT_EQ(s.ns(ns.user)->population().tasks, 2U) << "and its credentials";
    EXPECT_EQ(s.ns(ns.user)->population().zombies, 1U);
    EXPECT_EQ(s.ns(ns.net)->population().tasks, 1U) << "but no nsproxy";
    EXPECT_EQ(s.ns(ns.net)->population().zombies, 0U);
    const auto row = s.task(101);
    EXPECT_EQ(row->ns()[Slot::net], 0U);
    EXPECT_EQ(row->ns()[Slot::pid], ns.pid);
    EXPECT_EQ(row->ns()[Slot::user], ns.user);
    s.release(101);
    EXPECT_EQ(s.ns(ns.pid)->population().tasks, 1U);
    EXPECT_EQ(s.ns(ns.pid)->population().zombies, 0U);
    EXPECT_EQ(s.ns(ns.user)->population().zombies, 0U);
}

TEST(Life, NamesFollowExecAndRename) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    s.rename(100, "worker/0");
    EXPECT_EQ(s.task(100)->comm(), "worker/0");
    s.rename(100, "exactly15 bytes");
    EXPECT_EQ(s.task(100)->comm(), "exactly15 bytes");
    s.exec(100, "x");
    EXPECT_EQ(s.task(100)->comm(), "x");
}

TEST(Life, KernelThreadsAreThoseOfKthreadd) {
    Script s;
    s.fork({.tid = 50, .parent = 2, .comm = "kworker/0:1"});
    EXPECT_TRUE(s.task(50)->kernel_thread());
    EXPECT_TRUE(s.task(2)->kernel_thread());
    s.fork({.tid = 60, .parent = 1});
    EXPECT_FALSE(s.task(60)->kernel_thread());
    // A user mode helper (call_usermodehelper) is the child of a kernel thread, and no kernel
    // thread.
    s.fork({.tid = 61, .parent = 50, .comm = "modprobe"});
    EXPECT_FALSE(s.task(61)->kernel_thread());
}

TEST(Life, AnAddressUsedAgainIsANewTask) {
    Script s;
    const std::uint64_t key = s.fork({.tid = 100, .comm = "old"}).ref.key;
    s.die(100);
    s.fork({.tid = 101, .comm = "new", .key = key});
    EXPECT_FALSE(s.task(100));
    EXPECT_EQ(s.task(101)->comm(), "new");
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Life, AnAddressUsedAgainEndsWhoeverHadItThoughNothingTold) {
    Script s;
    const std::uint64_t key = s.fork({.tid = 100, .flags = CLONE_NEWUTS}).ref.key;
    const std::uint32_t uts = s.of(100).ns.uts;
    s.gap();
    s.fork({.tid = 101, .key = key});
    EXPECT_FALSE(s.task(100));
    EXPECT_TRUE(s.task(101));
    EXPECT_EQ(s.tasks_in(uts), 0U);
    EXPECT_EQ(s.account().tasks_dropped, 1U) << "its release was lost";
}

TEST(Life, ATidUsedAgainEndsWhoeverHadItThoughNothingTold) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS, .comm = "old"});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.gap();
    s.fork({.tid = 100, .comm = "new"});
    EXPECT_EQ(s.task(100)->comm(), "new");
    EXPECT_EQ(s.tasks_in(uts), 0U);
    EXPECT_EQ(s.account().tasks_dropped, 1U);
    EXPECT_EQ(s.world.task_count(), s.world.view().task_count());
}

TEST(Life, BothUsedAgainByOneTaskAreOneEnd) {
    Script s;
    const std::uint64_t key = s.fork({.tid = 100}).ref.key;
    s.gap();
    s.fork({.tid = 100, .comm = "new", .key = key});
    EXPECT_EQ(s.task(100)->comm(), "new");
    EXPECT_EQ(s.account().tasks_dropped, 1U);
}

TEST(Life, EventsOfUnknownTasksChangeNothing) {
    Script s;
    s.exists({.tid = 100});  // nobody told of it
    const std::size_t before = s.world.task_count();
    s.exec(100, "x");
    s.rename(100, "y");
    s.setns(100, Slot::uts, initial(NST_ns_type_uts));
    s.die(100);
    EXPECT_EQ(s.world.task_count(), before);
    EXPECT_EQ(s.world.find_task(100), nullptr);
    EXPECT_EQ(s.account().tasks_released, 0U);
}

TEST(Life, ALongLineOfProcessesThatForkAndExitLeavesNothingBehind) {
    // A daemon that forks itself anew again and again: each is the child of one that is gone.
    Script s;
    s.keep_events = false;
    s.fork({.tid = 100});
    for (std::uint32_t i = 0; i < 300'000; i++) {
        const std::uint32_t mine = 100 + i % 2;
        const std::uint32_t next = 100 + (i + 1) % 2;
        s.task_new({.tid = next, .parent = mine});
        s.exit(mine);
        s.leave(mine);
        s.task_release(mine);
        s.forget(mine);
    }
    EXPECT_EQ(s.world.task_count(), 3U);
    EXPECT_EQ(s.ppid(100), 1U);
    s.die(100);
    EXPECT_EQ(s.world.task_count(), 2U);
}

}  // namespace
}  // namespace nstrail::test
