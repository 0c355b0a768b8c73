// SPDX-License-Identifier: Apache-2.0
// Who holds up the end of a pid namespace.
#include <gtest/gtest.h>

#include "model/teardown.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

std::vector<Blocker> blockers(const Script& s, std::uint32_t inum) {
    const View view = s.world.view();
    return blockers_of(view, *view.ns(inum));
}

TEST(Teardown, NothingBlocksWhatIsAlive) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    EXPECT_TRUE(blockers(s, s.of(100).ns.pid).empty());
}

TEST(Teardown, ATaskThatHasNotEndedBlocks) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.zombie(100);
    EXPECT_EQ(s.ns(inner)->state(), NsState::zapping);
    EXPECT_NE(s.ns(inner)->record().dying_since_ns, 0U);
    const auto found = blockers(s, inner);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].task.tid(), 101U);
    EXPECT_EQ(found[0].obstacle, Obstacle::alive);
}

TEST(Teardown, AnotherInitIsThatOfAnotherNamespace) {
    // Inode number and the kernel's memory are used again at once, and what told of it was lost.
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.zombie(100);
    ASSERT_EQ(s.ns(inner)->state(), NsState::dying);
    const std::uint32_t generation = s.ns(inner)->gen();
    nst_namespace facts = s.look_ns(inner);
    ASSERT_EQ(facts.ns_key, s.ns(inner)->record().key);
    // Read before its pids were closed: its init begins to exit a little earlier.
    facts.reaper_tid = 100;
    s.snapshot_begin(1);
    s.ns_seen(facts);
    EXPECT_EQ(s.ns(inner)->state(), NsState::dying);
    EXPECT_EQ(s.ns(inner)->gen(), generation);
    facts.reaper_tid = 200;
    s.ns_seen(facts);
    EXPECT_FALSE(s.ns(inner)->record().dying);
    EXPECT_EQ(s.ns(inner)->gen(), generation + 1);
}

TEST(Teardown, AZombieOfAParentOutsideBlocksAndSaysWhose) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 200, .comm = "injector"});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.setns(200, Slot::pid_for_children, inner);
    s.fork({.tid = 201, .parent = 200});
    ASSERT_EQ(s.of(201).ns.pid, inner);
    s.zombie(201);
    s.zombie(100);
    const auto found = blockers(s, inner);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].obstacle, Obstacle::parent);
    ASSERT_TRUE(found[0].by);
    EXPECT_EQ(found[0].by->tid(), 200U);
    EXPECT_TRUE(found[0].since_boot_ns);
}

TEST(Teardown, AZombieOfATracerBlocksAndSaysWhose) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100});
    s.fork({.tid = 300, .comm = "strace"});
    const std::uint32_t inner = s.of(100).ns.pid;
    nst_task_exit exit{};
    exit.task = s.of(101).ref;
    exit.last = 1;
    exit.tracer = 300;
    s.emit(exit);
    s.leave(101);
    s.zombie(100);
    const auto found = blockers(s, inner);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].obstacle, Obstacle::tracer);
    ASSERT_TRUE(found[0].by);
    EXPECT_EQ(found[0].by->tid(), 300U);
}

TEST(Teardown, AnInitThatWaitsForItsOwnBlocksTheOneAbove) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 102, .parent = 101});
    const std::uint32_t outer = s.of(100).ns.pid;
    s.zombie(101);
    s.zombie(100);
    const auto found = blockers(s, outer);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].task.tid(), 101U);
    EXPECT_EQ(found[0].obstacle, Obstacle::children);
    EXPECT_EQ(found[1].obstacle, Obstacle::alive);
}

}  // namespace
}  // namespace nstrail::test
