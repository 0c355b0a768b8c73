// SPDX-License-Identifier: Apache-2.0
// What World::apply() says that one event did: transitions, and who did it to whom.
#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

/// The slots that a transition changed.
std::vector<Slot> changed(const Change& change) {
    std::vector<Slot> slots;
    for (const Slot slot : all_slots) {
        if (change.transition &&
            change.transition->before[slot] != change.transition->after[slot]) {
            slots.push_back(slot);
        }
    }
    return slots;
}

TEST(Transition, OfUnshare) {
    Script s;
    s.fork({.tid = 100});
    EXPECT_FALSE(s.last.transition) << "a child in its parent's namespaces";
    s.unshare(100, CLONE_NEWUTS);
    ASSERT_TRUE(s.last.transition);
    EXPECT_EQ(changed(s.last), std::vector{Slot::uts});
    EXPECT_EQ(s.last.transition->before[Slot::uts], uts0);
    EXPECT_EQ(s.last.transition->after[Slot::uts], s.of(100).ns.uts);
    EXPECT_TRUE(s.last.transition->exact);
    EXPECT_TRUE(s.last.by_itself);
    s.unshare(100, CLONE_NEWPID);
    EXPECT_EQ(changed(s.last), std::vector{Slot::pid_for_children}) << "it stays where it is";
    EXPECT_EQ(s.last.transition->after[Slot::pid], pid0);
    s.rename(100, "other");
    EXPECT_FALSE(s.last.transition);
}

TEST(Transition, OfSetns) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t other = s.of(100).ns.uts;
    s.fork({.tid = 101});
    s.setns(101, Slot::uts, other);
    EXPECT_EQ(changed(s.last), std::vector{Slot::uts});
    EXPECT_EQ(s.last.transition->after[Slot::uts], other);
    EXPECT_TRUE(s.last.transition->exact);
    s.setns(101, Slot::uts, other);
    EXPECT_FALSE(s.last.transition) << "another nsproxy, the same namespaces";
}

TEST(Transition, OfCredentials) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWUSER);
    EXPECT_EQ(changed(s.last), std::vector{Slot::user});
    EXPECT_EQ(s.last.transition->before[Slot::user], user0);
    EXPECT_EQ(s.last.transition->after[Slot::user], s.of(100).ns.user);
    EXPECT_TRUE(s.last.transition->exact);
    EXPECT_TRUE(s.last.by_itself);
}

TEST(Transition, OfClone) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWNET});
    ASSERT_TRUE(s.last.transition);
    EXPECT_EQ(changed(s.last), (std::vector{Slot::net, Slot::pid_for_children, Slot::pid}));
    EXPECT_EQ(s.last.transition->before[Slot::pid], pid0) << "what the actor has";
    EXPECT_EQ(s.last.transition->after[Slot::pid], s.of(100).ns.pid);
    EXPECT_EQ(s.last.actor->tid, 1U);
    EXPECT_EQ(s.last.task->tid, 100U);
    EXPECT_FALSE(s.last.by_itself);
    EXPECT_EQ(s.world.set_of(*s.last.actor)[Slot::pid], pid0);
}

TEST(Transition, OfExec) {
    // exec_task_namespaces(): time becomes what time_for_children was.
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWTIME);
    EXPECT_EQ(changed(s.last), std::vector{Slot::time_for_children});
    const nst_ns_set before = s.of(100).ns;
    TrueTask& task = s.change(100);
    task.ns.time = task.ns.time_for_children;
    task.ns.nsproxy = 0xB000;
    nst_ns_switch event{};
    event.task = task.ref;
    event.actor_key = task.ref.key;
    event.actor_tid = 100;
    event.via = NST_switch_via_exec;
    event.before = before;
    event.after = task.ns;
    s.emit(event);
    EXPECT_EQ(changed(s.last), std::vector{Slot::time});
    EXPECT_EQ(s.last.transition->before[Slot::time], time0);
    EXPECT_TRUE(s.last.transition->exact);
    EXPECT_TRUE(s.last.by_itself);
    s.exec(100, "program");
    EXPECT_FALSE(s.last.transition) << "that has been told";
}

TEST(Transition, OfExit) {
    Script s;
    s.fork({.tid = 100});
    s.exit(100);
    EXPECT_FALSE(s.last.transition) << "its namespaces are still its own";
    s.leave(100);
    ASSERT_TRUE(s.last.transition);
    for (const Slot slot : all_slots) {
        EXPECT_NE(s.last.transition->before[slot], 0U) << slot_name(slot);
        EXPECT_EQ(s.last.transition->after[slot] == 0, in_nsproxy(slot)) << slot_name(slot);
    }
    EXPECT_TRUE(s.last.transition->exact);
    EXPECT_TRUE(s.last.by_itself);
    s.leave(100, NST_switch_via_switched);
    EXPECT_FALSE(s.last.transition) << "told twice";
    s.release(100);
    EXPECT_FALSE(s.last.transition);
}

TEST(Transition, IsNotExactWhereSwitchesAreNotSeen) {
    Script s(reduced_hooks);
    s.fork({.tid = 100});
    s.silent_unshare(100, CLONE_NEWUTS);
    s.exec(100, "program");
    EXPECT_EQ(changed(s.last), std::vector{Slot::uts});
    EXPECT_FALSE(s.last.transition->exact);
    s.silent_unshare(100, CLONE_NEWNET);
    s.snapshot_begin(2);
    s.seen(100);
    EXPECT_EQ(changed(s.last), std::vector{Slot::net});
    EXPECT_FALSE(s.last.transition->exact);
    s.snapshot_end(2);
    s.exit(100);
    ASSERT_TRUE(s.last.transition);
    EXPECT_FALSE(s.last.transition->exact) << "it goes some time after it begins to exit";
    EXPECT_EQ(s.last.transition->after[Slot::net], 0U);
}

TEST(Actor, OfAFailedForkIsNotTheTask) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    // copy_process() fails after copy_namespaces(): current cleans up what was half made.
    s.fork_cleanup(100, 0xDEAD, 101);
    EXPECT_EQ(s.account().forks_failed, 1U);
    EXPECT_EQ(s.last.task, nullptr);
    EXPECT_FALSE(s.last.by_itself);
    EXPECT_FALSE(s.last.transition);
    EXPECT_EQ(s.task(100)->ns()[Slot::uts], s.of(100).ns.uts) << "current keeps what it has";
    EXPECT_TRUE(s.task(100)->has_nsproxy());
}

TEST(Actor, IsToldWithWhatItHas) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.last.actor->tid, 100U);
    EXPECT_EQ(s.world.set_of(*s.last.actor)[Slot::pid], s.of(100).ns.pid);
    s.zombie(101);
    s.task_release(101);
    ASSERT_TRUE(s.last.released);
    EXPECT_EQ(s.last.released->tid, 101U);
    EXPECT_EQ(s.last.actor->tid, 100U) << "who waited for it";
    EXPECT_FALSE(s.last.by_itself);
    EXPECT_EQ(s.last.task, nullptr);
    s.unshare(100, CLONE_NEWUTS);
    EXPECT_TRUE(s.last.by_itself);
    EXPECT_EQ(s.world.set_of(*s.last.actor)[Slot::uts], s.of(100).ns.uts) << "after the event";
}

TEST(Actor, OfAReleaseByItselfIsNobodyAnyMore) {
    // Nobody waits for it (autoreap): exit_notify() of current releases current.
    Script s;
    s.fork({.tid = 100});
    s.zombie(100);
    nst_task_release event{};
    event.task = s.of(100).ref;
    event.via = NST_release_via_entry;
    event.actor_tid = 100;
    s.emit(event);
    EXPECT_TRUE(s.last.released);
    EXPECT_EQ(s.last.actor, nullptr);
    EXPECT_FALSE(s.last.by_itself);
}

}  // namespace
}  // namespace nstrail::test
