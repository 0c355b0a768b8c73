// SPDX-License-Identifier: Apache-2.0
// The snapshot protocol: what the iterator tells comes among the live events, may be old, and makes
// the World certain only if nothing was lost meanwhile.
#include <utility>

#include <gtest/gtest.h>

#include "model/kernel_bits.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(Snapshot, MakesTheWorldCertain) {
    Script s(full_hooks, session_only);
    EXPECT_FALSE(s.world.certain());
    EXPECT_FALSE(s.world.synchronized());
    EXPECT_TRUE(s.world.wants_snapshot());
    s.snapshot_begin(1);
    EXPECT_FALSE(s.world.wants_snapshot()) << "one is under way";
    s.seen(1);
    s.seen(2);
    EXPECT_FALSE(s.world.certain());
    s.snapshot_end(1);
    EXPECT_TRUE(s.last.became_certain);
    EXPECT_TRUE(s.world.certain());
    EXPECT_TRUE(s.world.synchronized());
    EXPECT_FALSE(s.world.wants_snapshot());
    EXPECT_EQ(s.account().snapshots, 1U);
    EXPECT_EQ(s.account().resyncs, 0U);
    const auto now = s.world.view();
    EXPECT_TRUE(now.certain());
    EXPECT_TRUE(now.synchronized());
    EXPECT_EQ(now.task_count(), 2U);
    EXPECT_STREQ(now.session().release, "6.12.0-script");
}

TEST(Snapshot, TellsWhatWasThereBefore) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUTS, .comm = "sh"});
    s.exists({.tid = 101, .parent = 100, .flags = CLONE_THREAD});
    s.exists({.tid = 102, .parent = 100});
    TrueTask& zombie = s.change(102);
    zombie.exit_state = exit_zombie;
    zombie.exit_code = 512;
    zombie.ns = left(zombie.ns);
    s.snapshot(1);
    const auto leader = s.task(100);
    ASSERT_TRUE(leader);
    EXPECT_TRUE(leader->soft()) << "only a snapshot told";
    EXPECT_EQ(leader->comm(), "sh");
    EXPECT_EQ(leader->ppid(), 1U);
    EXPECT_EQ(leader->vpids().back().nr, 1U);
    EXPECT_EQ(s.task(101)->tgid(), 100U);
    EXPECT_EQ(s.task(102)->state(), TaskState::zombie);
    EXPECT_EQ(s.task(102)->exit_code(), 512);
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->population().tasks, 3U);
    EXPECT_EQ(s.ns(s.of(100).ns.pid)->population().zombies, 1U);
    EXPECT_EQ(s.ns(s.of(100).ns.uts)->population().tasks, 2U);
    EXPECT_TRUE(s.task(2)->kernel_thread());
    s.exec(100, "bash");
    EXPECT_FALSE(s.task(100)->soft());
    EXPECT_EQ(s.account().tasks_born, 0U);
    EXPECT_EQ(s.account().created[NST_ns_type_pid], 0U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_pid], 0U) << "there before, not appeared";
}

TEST(Snapshot, AfterALossATaskWithTheKeyOfADeadOneIsAnother) {
    for (const bool told_before : {true, false}) {
        Script s;
        s.fork({.tid = 100, .flags = CLONE_NEWPID, .comm = "gone"});
        const std::uint64_t key = s.of(100).ref.key;
        s.forget(100);  // and 101 is born, and nobody tells
        s.exists({.tid = 101, .comm = "other", .key = key});
        if (told_before) {
            s.exec(101, "other");
            EXPECT_FALSE(s.task(100)) << "its key is another's";
            EXPECT_EQ(s.account().tasks_dropped, 1U);
        } else {
            s.change(101).ref = {.key = key,
                                 .start_boottime_ns = s.task(100)->start_boottime_ns(),
                                 .tid = 100,
                                 .tgid = 100};
        }
        s.gap(3);
        s.snapshot(2);
        const auto task = s.task(told_before ? 101 : 100);
        ASSERT_TRUE(task);
        ASSERT_EQ(task->vpids().size(), 1U);
        EXPECT_EQ(task->vpids().back().nr, 101U);
        EXPECT_EQ(s.account().tasks_dropped, 1U);
        EXPECT_EQ(s.world.task_count(), 3U);
    }
}

TEST(Snapshot, WhatAZombieIsNotInIsNoNamespace) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    // It makes a user namespace and exits, and nobody tells.
    s.gap(3);
    s.silent_unshare(100, CLONE_NEWUSER);
    TrueTask& zombie = s.change(100);
    zombie.exit_state = exit_zombie;
    zombie.ns = left(zombie.ns);
    s.snapshot(2);
    ASSERT_EQ(s.task(100)->state(), TaskState::zombie);
    EXPECT_EQ(s.tasks_in(zombie.ns.user), 1U);
    EXPECT_FALSE(s.ns(0));
    for (const Namespace& ns : s.world.view().namespaces()) {
        EXPECT_NE(ns.inum(), 0U) << type_name(ns.type());
    }
}

TEST(Snapshot, ATaskBornMeanwhileIsAsItsBirthTold) {
    Script s(full_hooks, session_only);
    s.snapshot_begin(1);
    s.seen(1);
    s.fork({.tid = 100, .comm = "sh"});
    const auto early = s.look(100);
    s.exec(100, "true");
    s.seen(early);
    s.snapshot_end(1);
    EXPECT_EQ(s.task(100)->comm(), "true");
    EXPECT_FALSE(s.task(100)->soft());
}

TEST(Snapshot, ARecordMayComeBeforeTheBirth) {
    // The task is in the list that the iterator walks a little before task_newtask tells of it.
    for (const std::uint64_t hooks : {full_hooks, reduced_hooks}) {
        Script s(hooks);
        s.snapshot_begin(2);
        s.seen(1);
        s.seen(2);
        const Birth birth{.tid = 100, .flags = CLONE_NEWUTS, .comm = "sh"};
        const TrueTask& child = s.exists(birth);
        const std::uint32_t uts = child.ns.uts;
        if (hooks == full_hooks) {
            s.inum_alloc(uts);
        }
        s.ns_seen(uts);
        s.seen(100);
        s.tell_birth(child, birth);
        s.snapshot_end(2);
        ASSERT_TRUE(s.task(100));
        EXPECT_FALSE(s.task(100)->soft());
        EXPECT_EQ(s.tasks_in(uts), 1U);
        EXPECT_EQ(s.ns(uts)->record().gen, 1U);
        EXPECT_EQ(s.account().tasks_born, 1U);
        EXPECT_EQ(s.account().tasks_dropped, 0U);
        EXPECT_EQ(s.account().tasks_released, 0U);
        EXPECT_EQ(s.account().forgotten[NST_ns_type_uts], 0U);
    }
}

TEST(Snapshot, ATaskBornAfterTheIteratorPassedItsPlaceStays) {
    Script s(full_hooks, session_only);
    s.snapshot_begin(1);
    s.seen(1);
    s.seen(2);
    s.fork({.tid = 100});
    s.snapshot_end(1);
    EXPECT_TRUE(s.task(100));
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Snapshot, LiveBeatsARecordThatWasReadBefore) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    s.snapshot_begin(2);
    const auto old = s.look(100);
    s.unshare(100, CLONE_NEWUTS);
    s.exec(100, "true");
    s.seen(old);
    s.snapshot_end(2);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], s.of(100).ns.uts);
    EXPECT_EQ(s.task(100)->comm(), "true");
    EXPECT_EQ(s.account().switches_seen_late, 0U);
}

TEST(Snapshot, ARecordOfATaskReleasedMeanwhileIsOld) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100});
    s.snapshot_begin(1);
    const auto old = s.look(100);
    s.die(100);
    s.seen(old);
    s.snapshot_end(1);
    EXPECT_FALSE(s.task(100));
}

TEST(Snapshot, ARecordOfAKnownTaskReleasedMeanwhileIsOldToo) {
    Script s;
    s.fork({.tid = 100});
    s.snapshot_begin(2);
    s.seen(1);
    s.seen(2);
    const auto old = s.look(100);
    s.die(100);
    s.seen(old);
    s.snapshot_end(2);
    EXPECT_FALSE(s.task(100));
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Snapshot, TombstonesAreForTheDeadNotForTheirAddresses) {
    Script s(full_hooks, session_only);
    const std::uint64_t key = s.exists({.tid = 100}).ref.key;
    s.snapshot_begin(1);
    const auto old = s.look(100);
    s.die(100);
    s.fork({.tid = 101, .comm = "new", .key = key});
    s.seen(101);
    s.seen(old);
    s.snapshot_end(1);
    EXPECT_TRUE(s.task(101));
    EXPECT_EQ(s.task(101)->comm(), "new");
    EXPECT_FALSE(s.task(100));
}

TEST(Snapshot, ASwitchBeforeTheRecordBeatsIt) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100});
    s.snapshot_begin(1);
    const auto old = s.look(100);
    s.unshare(100, CLONE_NEWUTS | CLONE_NEWUSER);
    s.seen(old);
    s.snapshot_end(1);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], s.of(100).ns.uts);
    EXPECT_EQ(s.task(100)->ns()[Slot::user], s.of(100).ns.user);
    EXPECT_EQ(s.tasks_in(s.of(100).ns.uts), 1U);
}

TEST(Snapshot, ANameBeforeTheRecordBeatsIt) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100, .comm = "old"});
    s.exists({.tid = 101, .comm = "old"});
    s.snapshot_begin(1);
    const auto first = s.look(100);
    const auto second = s.look(101);
    s.exec(100, "by exec");
    s.rename(101, "by prctl");
    s.seen(first);
    s.seen(second);
    s.snapshot_end(1);
    EXPECT_EQ(s.task(100)->comm(), "by exec");
    EXPECT_EQ(s.task(101)->comm(), "by prctl");
}

TEST(Snapshot, AnExitBeforeTheRecordBeatsIt) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100});
    s.exists({.tid = 101});
    s.snapshot_begin(1);
    const auto exiting = s.look(100);
    const auto zombie = s.look(101);
    s.exit(100, {.code = 256});
    s.zombie(101, {.code = 512});
    s.seen(exiting);
    s.seen(zombie);
    s.snapshot_end(1);
    EXPECT_EQ(s.task(100)->state(), TaskState::exiting);
    EXPECT_EQ(s.task(100)->exit_code(), 256);
    EXPECT_NE(s.task(100)->ns()[Slot::uts], 0U);
    EXPECT_EQ(s.task(101)->state(), TaskState::zombie);
    EXPECT_EQ(s.task(101)->exit_code(), 512);
    EXPECT_EQ(s.task(101)->ns()[Slot::uts], 0U);
    EXPECT_EQ(s.ns(initial(NST_ns_type_pid))->population().zombies, 1U);
}

// Functions are told as they are entered. A snapshot that begins before they have taken effect
// reads what was before, with its records after the event.

TEST(Snapshot, ATaskWhoseReleaseHasBegunIsNotFoundAgain) {
    for (const auto start : {Script::Start::synchronized, session_only}) {
        Script s(full_hooks, start);
        s.exists({.tid = 100});
        s.zombie(100);
        s.change(100).exit_state = exit_dead;
        const auto old = s.look(100);
        s.release(100);
        s.snapshot_begin(2);
        s.seen(1);
        s.seen(2);
        s.seen(old);
        s.snapshot_end(2);
        EXPECT_FALSE(s.task(100));
    }
}

TEST(Snapshot, ATaskThatHasLeftItsNamespacesIsNotInThemAgain) {
    for (const bool lost : {false, true}) {
        Script s;
        s.fork({.tid = 100, .flags = CLONE_NEWUTS});
        const std::uint32_t uts = s.of(100).ns.uts;
        s.exit(100);
        const auto old = s.look(100);
        s.leave(100);
        if (lost) {
            s.gap(3);
        }
        s.snapshot_begin(2);
        s.seen(1);
        s.seen(2);
        s.seen(old);
        s.snapshot_end(2);
        EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
        EXPECT_EQ(s.tasks_in(uts), 0U);
        EXPECT_EQ(s.tasks_in(initial(NST_ns_type_pid)), 3U);
        EXPECT_EQ(s.ns(initial(NST_ns_type_pid))->population().zombies, 1U);
    }
}

TEST(Snapshot, ATaskThatLeavesTheReducedModeDoesNotSee) {
    // There its exit is the last that it tells, and may take its time before it lets go of them.
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.exit(100);
    s.snapshot(2);
    EXPECT_EQ(s.task(100)->state(), TaskState::exiting);
    EXPECT_EQ(s.tasks_in(uts), 1U);
}

TEST(Snapshot, ASwitchThatHasBegunIsNotUndone) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101});
    const auto old = s.look(100);
    const auto other = s.look(101);
    s.unshare(100, CLONE_NEWUTS);
    s.unshare(101, CLONE_NEWUTS);
    s.exec(101, "true");
    const std::uint32_t uts = s.of(100).ns.uts;
    s.snapshot_begin(2);
    s.seen(1);
    s.seen(2);
    s.seen(old);
    s.seen(other);
    s.snapshot_end(2);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], uts);
    EXPECT_EQ(s.task(101)->ns()[Slot::uts], s.of(101).ns.uts);
    EXPECT_EQ(s.account().switches_seen_late, 0U);
}

TEST(Snapshot, WhatBeganAheadOfTheFirstOneIsKept) {
    for (const bool lost : {false, true}) {
        Script s(full_hooks, session_only);
        s.exists({.tid = 100, .comm = "sh"});
        s.exists({.tid = 101, .flags = CLONE_NEWUTS});
        s.exit(101);
        Script::Look looks[] = {s.look(100), s.look(101)};
        s.unshare(100, CLONE_NEWUTS | CLONE_NEWUSER);
        s.rename(100, "new");
        s.leave(101);
        if (lost) {
            // What was told before the loss is old, and the snapshot is not.
            s.silent_unshare(100, CLONE_NEWUTS | CLONE_NEWUSER);
            s.change(100).comm = "newer";
            s.gap();
            looks[0] = s.look(100);
        }
        s.snapshot_begin(1);
        s.seen(1);
        s.seen(2);
        s.seen(looks[0]);
        s.seen(looks[1]);
        s.snapshot_end(1);
        const auto task = s.task(100);
        EXPECT_EQ(task->ns()[Slot::uts], s.of(100).ns.uts);
        EXPECT_EQ(task->ns()[Slot::user], s.of(100).ns.user);
        EXPECT_EQ(task->comm(), s.of(100).comm);
        if (!lost) {
            EXPECT_EQ(s.task(101)->state(), TaskState::zombie);
        }
    }
}

TEST(Snapshot, ASwitchAfterWhichAnotherMayHaveBeenLostIsCorrected) {
    // By a gap, by one that is never told since nobody counts it, or by a hook that never fires.
    constexpr std::uint64_t switches = bit(NST_HOOK_switch_namespaces);
    for (const auto& [uncounted, silent] :
         {std::pair<std::uint64_t, std::uint64_t>{0, 0}, {switches, 0}, {0, switches}}) {
        Script s;
        s.spoil<nst_session>([&](nst_session& e) {
            e.uncounted_hooks = uncounted;
            e.silent_hooks = silent;
        });
        s.session(full_hooks);
        s.snapshot(2);
        s.fork({.tid = 100});
        s.unshare(100, CLONE_NEWUTS);
        s.silent_unshare(100, CLONE_NEWUTS);
        if ((uncounted | silent) == 0) {
            s.gap();
        }
        s.snapshot(3);
        EXPECT_EQ(s.task(100)->ns()[Slot::uts], s.of(100).ns.uts);
        EXPECT_EQ(s.account().switches_seen_late, 1U);
    }
}

TEST(Snapshot, ANamespaceThatEndedBeforeAnOldRecordNamesItStaysEnded) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.snapshot_begin(1);
    s.seen(1);
    s.seen(2);
    const auto old = s.look(100);
    s.zombie(100);
    s.inum_free(uts);
    s.seen(old);
    s.snapshot_end(1);
    EXPECT_FALSE(s.ns(uts)) << "a namespace that nobody will ever see end";
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
}

TEST(Snapshot, ANamespaceThatEndedBeforeAnOldRecordOfItStaysEnded) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    const nst_namespace old = s.look_ns(uts);
    s.snapshot_begin(2);
    s.seen(1);
    s.seen(2);
    s.die(100);
    s.inum_free(uts);
    s.ns_seen(old);
    EXPECT_FALSE(s.ns(uts));
    // Born again, it is told as well.
    s.next_inum(uts);
    s.fork({.tid = 101, .flags = CLONE_NEWUTS});
    s.ns_seen(uts);
    s.snapshot_end(2);
    EXPECT_EQ(s.ns(uts)->record().gen, 2U);
    EXPECT_EQ(s.tasks_in(uts), 1U);
}

TEST(Snapshot, AnExecSwapMeanwhileIsSeen) {
    Script s(full_hooks, session_only);
    s.exists({.tid = 100, .comm = "leader"});
    s.exists({.tid = 101, .parent = 100, .flags = CLONE_THREAD});
    s.snapshot_begin(1);
    s.seen(1);
    s.seen(100);
    s.seen(101);
    const std::uint64_t thread = s.of(101).ref.key;
    s.zombie(100, {.last = false});
    s.exchange(101);
    s.release(101);
    s.exec(100, "new");
    s.snapshot_end(1);
    EXPECT_TRUE(s.world.certain());
    EXPECT_EQ(s.task(100)->record().key, thread);
    EXPECT_FALSE(s.task(101));
}

TEST(Snapshot, AnExecSwapOfTasksNotYetToldMakesTheRoundProveNothing) {
    // Their records may hold the tids of before.
    Script s(full_hooks, session_only);
    s.exists({.tid = 100});
    s.exists({.tid = 101, .parent = 100, .flags = CLONE_THREAD});
    s.snapshot_begin(1);
    s.exchange(101);
    s.seen(1);
    s.snapshot_end(1);
    EXPECT_FALSE(s.world.certain());
    s.snapshot(2);
    EXPECT_TRUE(s.world.certain());
}

}  // namespace
}  // namespace nstrail::test
