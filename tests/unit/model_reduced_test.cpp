// SPDX-License-Identifier: Apache-2.0
// The reduced mode: no hook sees a switch, a release, or a namespace's birth and death. What can be
// learned is learned later, and said to be so.
#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(Reduced, ATaskLivesFromTaskNewToTaskFree) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .comm = "sh"});
    EXPECT_EQ(s.task(100)->comm(), "sh");
    s.exit(100, {.code = 256});
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie)
        << "nothing will tell when it lets go of its namespaces";
    EXPECT_EQ(s.task(100)->exit_code(), 256);
    EXPECT_EQ(s.ns(uts0)->population().tasks, 2U);
    s.task_free(100);
    EXPECT_FALSE(s.task(100));
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Reduced, ATidUsedAgainBeforeTaskFreeEndsTheFirst) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .comm = "old"});
    s.zombie(100);
    s.release(100);  // nobody tells
    s.fork({.tid = 100, .comm = "new"});
    EXPECT_EQ(s.task(100)->comm(), "new");
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
    s.task_free(100);  // the first one's
    EXPECT_EQ(s.task(100)->comm(), "new");
    EXPECT_EQ(s.account().tasks_released, 1U);
    EXPECT_EQ(s.world.task_count(), 3U);
}

TEST(Reduced, CloneTellsOfBirths) {
    Script s(reduced_hooks);
    s.fork({.tid = 100,
            .flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET |
                     CLONE_NEWCGROUP | CLONE_NEWUSER | CLONE_NEWTIME});
    for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
        EXPECT_EQ(s.account().created[type], 1U) << type_name(static_cast<NsType>(type));
        EXPECT_EQ(s.account().appeared[type], 0U) << type_name(static_cast<NsType>(type));
    }
    const auto pid = s.ns(s.of(100).ns.pid);
    EXPECT_TRUE(pid->record().born);
    EXPECT_EQ(pid->record().creator_tid, 1U);
    EXPECT_STREQ(pid->record().creator_comm.data(), "init");
    EXPECT_EQ(pid->record().level, 1U);
    EXPECT_TRUE(pid->record().facts);
    EXPECT_EQ(s.ns(s.of(100).ns.net)->record().owner, s.of(100).ns.user);
    EXPECT_EQ(s.task(1)->ns()[Slot::uts], uts0) << "the parent did not move";
}

TEST(Reduced, ATimeNamespaceIsBornForChildrenUnderVfork) {
    // With CLONE_VM the child keeps its parent's time until it executes a program (6.12).
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    nst_task_new birth{};
    birth.task = {.key = 0x9999, .start_boottime_ns = 77, .tid = 101, .tgid = 101};
    birth.actor = s.of(100).ref;
    birth.clone_flags = CLONE_VM | CLONE_VFORK | CLONE_NEWTIME;
    birth.actor_nsproxy = s.of(100).ns.nsproxy;
    birth.ns = s.of(100).ns;
    birth.ns.nsproxy = 0x8888;
    birth.ns.time_for_children = 0xF0007777;
    birth.ppid = 100;
    birth.levels = 1;
    const nst_pid_nr number{.pid_namespace = pid0, .nr = 101};
    s.emit(birth, std::span(&number, 1));
    EXPECT_EQ(s.account().created[NST_ns_type_time], 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_time], 0U);
    EXPECT_TRUE(s.ns(0xF0007777)->record().born);
    EXPECT_EQ(s.task(101)->ns()[Slot::time], initial(NST_ns_type_time));
}

TEST(Reduced, AChildTellsWhereItsParentWent) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWUTS | CLONE_NEWPID);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], uts0) << "nobody has told";
    s.fork({.tid = 101, .parent = 100});
    const auto parent = s.task(100);
    EXPECT_EQ(parent->ns()[Slot::uts], s.of(100).ns.uts);
    EXPECT_EQ(parent->ns()[Slot::pid_for_children], s.of(100).ns.pid_for_children);
    EXPECT_EQ(parent->ns()[Slot::pid], pid0);
    EXPECT_EQ(s.account().switches_seen_late, 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_uts], 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_pid], 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_uts], 0U) << "no birth was seen";
    EXPECT_EQ(s.tasks_in(s.of(100).ns.uts), 2U);
    s.fork({.tid = 102, .parent = 100});
    EXPECT_EQ(s.account().switches_seen_late, 1U) << "told once";
}

TEST(Reduced, AChildWithNamespacesOfItsOwnTellsOnlyTheRest) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWUTS);
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWNET | CLONE_NEWPID});
    const auto parent = s.task(100);
    EXPECT_EQ(parent->ns()[Slot::uts], s.of(100).ns.uts);
    EXPECT_EQ(parent->ns()[Slot::net], initial(NST_ns_type_net));
    EXPECT_EQ(parent->ns()[Slot::pid_for_children], pid0);
    EXPECT_EQ(s.account().created[NST_ns_type_net], 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_uts], 0U);
}

TEST(Reduced, ExecTellsWhereATaskWent) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWNET | CLONE_NEWUSER);
    s.exec(100, "ip");
    EXPECT_EQ(s.task(100)->ns()[Slot::net], s.of(100).ns.net);
    EXPECT_EQ(s.task(100)->ns()[Slot::user], s.of(100).ns.user);
    EXPECT_EQ(s.account().switches_seen_late, 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_net], 1U);
}

TEST(Reduced, ExitTellsWhereATaskWent) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWUTS);
    s.exit(100);
    EXPECT_EQ(s.account().switches_seen_late, 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_uts], 1U);
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
    EXPECT_EQ(s.ns(s.of(100).ns.uts)->state(), NsState::empty);
}

TEST(Reduced, TheNextSnapshotTellsWhereATaskWent) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWUTS);
    s.snapshot(2);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], s.of(100).ns.uts);
    EXPECT_EQ(s.account().switches_seen_late, 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_uts], 1U);
    EXPECT_TRUE(s.world.certain());
}

TEST(Reduced, ASwitchToldBySysExitIsOnTime) {
    Script s(reduced_hooks | bit(NST_HOOK_sys_exit));
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWUTS);
    s.facts(s.of(100).ns.uts);
    nst_ns_switch told{};
    told.task = s.of(100).ref;
    told.actor_key = told.task.key;
    told.via = NST_switch_via_syscall;
    told.after = s.of(100).ns;
    s.emit(told);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], s.of(100).ns.uts);
    EXPECT_EQ(s.account().switches[NST_switch_via_syscall], 1U);
    s.exec(100, "x");
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.account().switches_seen_late, 0U);
}

TEST(Reduced, WhatNothingRefersToIsForgottenByTheNextSnapshot) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWUTS | CLONE_NEWNET});
    const nst_ns_set ns = s.of(100).ns;
    s.die(100);
    EXPECT_EQ(s.ns(ns.uts)->state(), NsState::empty);
    s.snapshot_begin(2);
    s.seen(1);
    s.seen(2);
    s.ns_seen(ns.net);
    s.snapshot_end(2);
    EXPECT_FALSE(s.ns(ns.uts));
    EXPECT_TRUE(s.ns(ns.net)) << "the snapshot met it";
    EXPECT_EQ(s.account().forgotten[NST_ns_type_uts], 1U);
    EXPECT_EQ(s.account().forgotten[NST_ns_type_net], 0U);
    EXPECT_EQ(s.account().destroyed[NST_ns_type_uts], 0U) << "no death was seen";
}

TEST(Reduced, AnInumGivenToACloneAgainIsAnotherNamespace) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.die(100);
    s.next_inum(uts);
    s.fork({.tid = 101, .flags = CLONE_NEWUTS, .comm = "second"});
    ASSERT_EQ(s.of(101).ns.uts, uts);
    EXPECT_EQ(s.ns(uts)->record().gen, 2U);
    EXPECT_TRUE(s.ns(uts)->record().born);
    EXPECT_EQ(s.tasks_in(uts), 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_uts], 2U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_uts], 0U);
    EXPECT_EQ(s.account().forgotten[NST_ns_type_uts], 1U) << "its death was implied, not seen";
}

TEST(Reduced, AnInumGivenToAnotherTypeIsAnotherNamespace) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t inum = s.of(100).ns.uts;
    s.die(100);
    s.next_inum(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWPID});
    const auto row = s.ns(inum);
    EXPECT_EQ(row->record().type, NST_ns_type_pid);
    EXPECT_EQ(row->record().gen, 2U);
    EXPECT_TRUE(row->record().born);
    EXPECT_EQ(row->record().level, 1U);
    EXPECT_EQ(s.account().created[NST_ns_type_pid], 1U);
}

TEST(Reduced, AnInumUsedAgainBeforeTaskFreeDoesNotMixTheirTasks) {
    // A pid namespace ends with the release of its init; sched_process_free waits for RCU.
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inum = s.of(100).ns.pid;
    s.exit(100);
    s.release(100);
    s.next_inum(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWPID});
    EXPECT_EQ(s.tasks_in(inum), 1U);
    EXPECT_EQ(s.task(100)->ns()[Slot::pid], 0U) << "it is in no namespace that lives";
    s.task_free(100);
    EXPECT_EQ(s.tasks_in(inum), 1U);
    EXPECT_EQ(s.ns(inum)->state(), NsState::alive);
}

TEST(Reduced, FactsOfABirthThatWasLostAreNotTakenForAnothers) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.exists({.tid = 101, .flags = CLONE_NEWUTS});
    const std::uint32_t inum = s.of(101).ns.uts;
    s.facts(inum);
    s.gap();  // the birth itself
    s.forget(101);
    s.next_inum(inum);
    s.silent_unshare(100, CLONE_NEWNET);
    ASSERT_EQ(s.of(100).ns.net, inum);
    s.exec(100, "ip");
    EXPECT_EQ(s.ns(inum)->record().type, NST_ns_type_net);
    EXPECT_EQ(s.tasks_in(inum), 1U);
}

TEST(Reduced, APidNamespacesEndIsFollowed) {
    Script s(reduced_hooks);
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.exit(100);
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping);
    EXPECT_EQ(s.task(100)->state(), TaskState::exiting);
    s.die(101);
    EXPECT_EQ(s.ns(inner)->state(), NsState::dying);
    s.task_free(100);
    EXPECT_EQ(s.ns(inner)->state(), NsState::empty);
}

TEST(Reduced, AnExitBeforeTheRecordBeatsIt) {
    Script s(reduced_hooks, Script::Start::session);
    s.exists({.tid = 100});
    s.snapshot_begin(1);
    s.seen(1);
    const auto old = s.look(100);
    s.exit(100, {.code = 256});
    s.seen(old);
    s.snapshot_end(1);
    EXPECT_EQ(s.task(100)->state(), TaskState::zombie);
    EXPECT_EQ(s.task(100)->exit_code(), 256);
    s.task_free(100);
    EXPECT_FALSE(s.task(100));
}

TEST(Reduced, ARecordOfATaskFreedMeanwhileIsOld) {
    Script s(reduced_hooks, Script::Start::session);
    s.exists({.tid = 100});
    s.snapshot_begin(1);
    s.seen(1);
    const auto old = s.look(100);
    s.exit(100);
    s.task_free(100);
    s.seen(old);
    s.snapshot_end(1);
    EXPECT_FALSE(s.task(100));
}

}  // namespace
}  // namespace nstrail::test
