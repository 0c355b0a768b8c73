// SPDX-License-Identifier: Apache-2.0
// Loss, and the rounds that make up for it.
#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(Sessions, OneThatContinuesKnowsAllThatTheLastOneKnew) {
    Script s;
    s.session(full_hooks, 7);
    s.snapshot(1);
    s.fork({.tid = 100});
    s.session(full_hooks, 8, 7);
    EXPECT_TRUE(s.world.synchronized());
    EXPECT_TRUE(s.world.certain());
    EXPECT_TRUE(s.task(100));
    // Another one forgets: what continues the last but one, and what continues none.
    for (const std::uint64_t continues : {7U, 0U}) {
        s.session(full_hooks, 9, continues);
        EXPECT_FALSE(s.world.synchronized());
        EXPECT_FALSE(s.task(100));
        s.snapshot(2);
    }
}

TEST(Resync, AGapMakesTheWorldUncertainUntilARoundAfterIt) {
    Script s;
    EXPECT_TRUE(s.world.certain());
    s.gap(3);
    EXPECT_TRUE(s.last.became_uncertain);
    EXPECT_FALSE(s.world.certain());
    EXPECT_TRUE(s.world.synchronized()) << "it was, once";
    EXPECT_TRUE(s.world.wants_snapshot());
    EXPECT_FALSE(s.world.view().certain());
    s.gap(4, NST_gap_cause_recursion);
    EXPECT_FALSE(s.last.became_uncertain) << "it was already";
    s.snapshot(2);
    EXPECT_TRUE(s.last.became_certain);
    EXPECT_TRUE(s.world.certain());
    EXPECT_FALSE(s.world.wants_snapshot());
    EXPECT_EQ(s.account().gaps[NST_gap_cause_ring], 1U);
    EXPECT_EQ(s.account().lost[NST_gap_cause_ring], 3U);
    EXPECT_EQ(s.account().lost[NST_gap_cause_recursion], 4U);
    EXPECT_EQ(s.world.view().lost(), 7U);
    EXPECT_EQ(s.account().snapshots, 2U);
    EXPECT_EQ(s.account().resyncs, 1U);
}

TEST(Resync, ARoundWithoutNeedIsNoResync) {
    Script s;
    s.snapshot(2);
    EXPECT_TRUE(s.world.certain());
    EXPECT_EQ(s.account().snapshots, 2U);
    EXPECT_EQ(s.account().resyncs, 0U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
}

TEST(Resync, ARoundInWhichSomethingWasLostProvesNothing) {
    Script s;
    s.fork({.tid = 100});
    s.snapshot_begin(2);
    s.seen(1);
    s.gap();
    s.seen(2);
    s.snapshot_end(2);  // 100 was not told: it may be its record that was lost
    EXPECT_FALSE(s.world.certain());
    EXPECT_TRUE(s.world.wants_snapshot());
    EXPECT_TRUE(s.task(100));
    EXPECT_EQ(s.account().tasks_dropped, 0U);
    s.snapshot(3);
    EXPECT_TRUE(s.world.certain());
}

TEST(Resync, TheFirstRoundToo) {
    Script s(full_hooks, session_only);
    s.snapshot_begin(1);
    s.seen(1);
    s.gap();
    s.snapshot_end(1);
    EXPECT_FALSE(s.world.synchronized());
    EXPECT_TRUE(s.world.wants_snapshot());
    s.snapshot(2);
    EXPECT_TRUE(s.world.certain());
    EXPECT_EQ(s.account().resyncs, 0U);
}

TEST(Resync, ARoundWhoseEndWasLostIsNotWaitedFor) {
    Script s;
    s.gap();
    s.snapshot_begin(2);
    s.seen(1);
    s.gap();  // and with it, for all we know, the end mark
    EXPECT_TRUE(s.world.wants_snapshot());
    s.snapshot(3);
    EXPECT_TRUE(s.world.certain());
}

TEST(Resync, AnEndWithoutItsBeginningProvesNothing) {
    Script s;
    s.fork({.tid = 100});
    s.gap();
    s.snapshot_end(2);
    EXPECT_FALSE(s.world.certain());
    EXPECT_TRUE(s.task(100));
    s.snapshot_begin(4);
    s.snapshot_end(3);
    EXPECT_FALSE(s.world.certain());
    EXPECT_TRUE(s.task(100));
}

TEST(Resync, DropsWhoWentAndFindsWhoCameUnseen) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    s.fork({.tid = 101});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.gap();
    s.forget(100);
    s.exists({.tid = 102, .flags = CLONE_NEWNET, .comm = "unseen"});
    s.silent_unshare(101, CLONE_NEWIPC);
    s.snapshot(2);
    EXPECT_FALSE(s.task(100));
    EXPECT_EQ(s.account().tasks_dropped, 1U);
    EXPECT_EQ(s.tasks_in(uts), 0U);
    ASSERT_TRUE(s.task(102));
    EXPECT_EQ(s.task(102)->comm(), "unseen");
    EXPECT_TRUE(s.task(102)->soft());
    EXPECT_EQ(s.ppid(102), 1U);
    EXPECT_EQ(s.account().appeared[NST_ns_type_net], 1U);
    EXPECT_EQ(s.task(101)->ns()[Slot::ipc], s.of(101).ns.ipc);
    EXPECT_EQ(s.account().appeared[NST_ns_type_ipc], 1U);
    EXPECT_EQ(s.account().switches_seen_late, 1U);
    EXPECT_TRUE(s.world.certain());
}

TEST(Resync, AnAddressUsedAgainUnseenIsAnotherTask) {
    Script s;
    const std::uint64_t key = s.fork({.tid = 100, .flags = CLONE_NEWUTS}).ref.key;
    const std::uint32_t uts = s.of(100).ns.uts;
    s.gap();
    s.forget(100);
    s.exists({.tid = 101, .comm = "new", .key = key});
    s.snapshot(2);
    EXPECT_FALSE(s.task(100));
    EXPECT_EQ(s.task(101)->comm(), "new");
    EXPECT_EQ(s.tasks_in(uts), 0U);
    EXPECT_EQ(s.account().tasks_dropped, 1U);
}

TEST(Resync, ATidUsedAgainUnseenIsAnotherTask) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS, .comm = "old"});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.gap();
    s.forget(100);
    s.exists({.tid = 100, .comm = "new"});
    s.snapshot_begin(2);
    s.seen(1);
    s.seen(2);
    s.seen(100);
    // Already here: the World has one task of that tid, and counts what it shows.
    EXPECT_EQ(s.task(100)->comm(), "new");
    EXPECT_EQ(s.tasks_in(uts), 0U);
    EXPECT_EQ(s.world.task_count(), s.world.view().task_count());
    s.snapshot_end(2);
    EXPECT_EQ(s.task(100)->comm(), "new");
    EXPECT_EQ(s.account().tasks_dropped, 1U);
}

TEST(Resync, ANamespaceThatMayHaveEndedUnseenIsUncertain) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS | CLONE_NEWNET});
    const nst_ns_set ns = s.of(100).ns;
    s.die(100);
    EXPECT_TRUE(s.ns(ns.uts)->record().certain)
        << "somebody holds it: its end would have been seen";
    s.gap();
    s.snapshot_begin(2);
    s.seen(1);
    s.seen(2);
    s.ns_seen(ns.net);  // the snapshot met this one
    s.snapshot_end(2);
    EXPECT_FALSE(s.ns(ns.uts)->record().certain);
    EXPECT_TRUE(s.ns(ns.net)->record().certain);
    // And it is certain again once something tells of it.
    s.fork({.tid = 101});
    s.setns(101, Slot::uts, ns.uts);
    EXPECT_TRUE(s.ns(ns.uts)->record().certain);
}

TEST(Resync, WithoutAGapWhatNobodyHoldsStaysCertain) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(100).ns.uts;
    s.die(100);
    s.snapshot(2);
    ASSERT_TRUE(s.ns(uts));
    EXPECT_TRUE(s.ns(uts)->record().certain);
    EXPECT_EQ(s.account().forgotten[NST_ns_type_uts], 0U);
}

}  // namespace
}  // namespace nstrail::test
