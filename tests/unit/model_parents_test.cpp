// SPDX-License-Identifier: Apache-2.0
// Who is whose parent, as processes die (find_new_reaper, forget_original_parent).
#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(Parents, ChildrenOfTheDeadGoToTheirHeir) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100});
    s.fork({.tid = 102, .parent = 101});
    s.zombie(101);
    EXPECT_EQ(s.ppid(102), 1U);
    EXPECT_EQ(s.ppid(101), 100U) << "a zombie keeps its parent, who must wait for it";
    s.release(101);
    EXPECT_EQ(s.ppid(102), 1U);
}

TEST(Parents, ASubreaperInherits) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100});
    s.fork({.tid = 102, .parent = 101});
    s.die(101, {.heir = 100});
    EXPECT_EQ(s.ppid(102), 100U);
}

TEST(Parents, HeirsDieToo) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100});
    s.fork({.tid = 102, .parent = 101});
    s.fork({.tid = 103, .parent = 102});
    s.die(102, {.heir = 101});
    EXPECT_EQ(s.ppid(103), 101U);
    s.die(101, {.heir = 100});
    EXPECT_EQ(s.ppid(103), 100U);
    s.die(100, {.heir = 1});
    EXPECT_EQ(s.ppid(103), 1U);
}

TEST(Parents, ALongChainOfDeadHeirs) {
    Script s;
    s.fork({.tid = 1000});
    s.fork({.tid = 5000, .parent = 1000});
    for (std::uint32_t tid = 1000; tid < 3000; tid++) {
        s.fork({.tid = tid + 1, .parent = 1});
        s.die(tid, {.heir = tid + 1});
    }
    EXPECT_EQ(s.ppid(5000), 3000U);
    s.die(5000);
    s.die(3000);
    EXPECT_EQ(s.world.task_count(), 2U);
}

TEST(Parents, AnHeirThatIsNotKnownMakesTheParentUnknown) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100});
    s.die(100, {.heir = 0});
    EXPECT_EQ(s.ppid(101), ~0U);
    EXPECT_TRUE(s.task(101));
    s.change(101).ppid = 1;
    s.snapshot(2);
    EXPECT_EQ(s.ppid(101), 1U) << "the next snapshot tells";
}

TEST(Parents, ATgidUsedAgainIsAnotherParent) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100});
    s.die(100);
    s.fork({.tid = 100});
    s.fork({.tid = 102, .parent = 100});
    EXPECT_EQ(s.ppid(101), 1U);
    EXPECT_EQ(s.ppid(102), 100U);
}

TEST(Parents, InitHasNone) {
    const Script s;
    EXPECT_EQ(s.ppid(1), 0U);
    EXPECT_EQ(s.ppid(2), 0U);
}

TEST(Parents, InAPidNamespaceItsInitInherits) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    s.fork({.tid = 102, .parent = 101});
    s.die(101);
    EXPECT_EQ(s.ppid(102), 100U);
}

TEST(Parents, AnInitThatExitsKeepsItsChildrenUntilTheyAreGone) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    s.zombie(100);
    EXPECT_EQ(s.ppid(101), 100U);
}

TEST(Parents, WhatTheSnapshotReadBeforeTheParentDiedIsOld) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100});
    s.exists({.tid = 101, .parent = 100});
    s.snapshot_begin(1);
    s.seen(1);
    s.seen(101);
    EXPECT_EQ(s.ppid(101), 100U);
    const auto parent = s.look(100);
    s.exit(100);
    s.leave(100);
    s.seen(parent);
    s.release(100);
    s.snapshot_end(1);
    EXPECT_EQ(s.ppid(101), 1U);
}

TEST(Parents, AChildToldAfterItsParentDiedKnowsTheHeir) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100});
    s.exists({.tid = 101, .parent = 100});
    s.snapshot_begin(1);
    s.seen(1);
    s.seen(100);
    const auto child = s.look(101);
    s.die(100);
    s.seen(child);
    s.snapshot_end(1);
    EXPECT_EQ(s.ppid(101), 1U);
}

}  // namespace
}  // namespace nstrail::test
