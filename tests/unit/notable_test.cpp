// SPDX-License-Identifier: Apache-2.0
// What breaks no rule and is told all the same.
#include "rules/notable.hpp"

#include <gtest/gtest.h>

#include "model/kept.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

std::uint64_t count(const Script& s, Notable what) {
    return s.checker.lookout().notices().counts[static_cast<std::size_t>(what)];
}

std::uint64_t remarks(const Script& s) {
    std::uint64_t sum = 0;
    for (const std::uint64_t one : s.checker.lookout().notices().counts) {
        sum += one;
    }
    return sum;
}

/// A mark of the source's, some time later.
void later(Script& s, std::uint64_t seconds) {
    nst_mark mark{};
    mark.header.kind = NST_KIND_mark;
    mark.header.boot_ns = 1 * second + seconds * second;
    mark.what = NST_mark_what_audited;
    const EventBuffer buffer = EventBuffer::make(mark);
    s.checker.apply(*buffer.event());
}

/// A task in pid, mount and uts namespaces of its own.
void contain(Script& s, std::uint32_t tid) {
    s.fork({.tid = tid, .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS, .comm = "app"});
}

TEST(Notable, SetnsToTheHostFromInsideIsAnEscape) {
    Script s;
    contain(s, 100);
    ASSERT_EQ(remarks(s), 0U);
    s.setns(100, Slot::mnt, s.of(1).ns.mnt);
    ASSERT_EQ(count(s, Notable::escape), 1U);
    const Remark& remark = s.checker.lookout().notices().remarks.at(0);
    EXPECT_EQ(remark.task.tid, 100U);
    EXPECT_EQ(remark.ns_type, NST_ns_type_mnt);
    EXPECT_EQ(remark.ns_inum, s.of(1).ns.mnt);
    ASSERT_TRUE(remark.transition);
    EXPECT_NE(remark.transition->before[Slot::mnt], s.of(1).ns.mnt);
    EXPECT_EQ(remark.transition->after[Slot::mnt], s.of(1).ns.mnt);
}

TEST(Notable, AToolOfTheHostMayComeBack) {
    Script s;
    s.fork({.tid = 100, .comm = "nsenter"});
    contain(s, 200);
    s.setns(100, Slot::uts, s.of(200).ns.uts);
    s.setns(100, Slot::uts, s.of(1).ns.uts);
    EXPECT_EQ(remarks(s), 0U);
}

TEST(Notable, SetnsFromOneContainerToAnotherIsNone) {
    Script s;
    contain(s, 100);
    contain(s, 200);
    s.setns(100, Slot::uts, s.of(200).ns.uts);
    s.unshare(100, CLONE_NEWUTS);
    EXPECT_EQ(remarks(s), 0U);
}

TEST(Notable, ANestedContainerEscapesToTheOuter) {
    Script s;
    contain(s, 100);
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    s.setns(101, Slot::pid_for_children, s.of(100).ns.pid);
    EXPECT_EQ(count(s, Notable::escape), 1U);
}

TEST(Notable, ChosenPidsExceptByACheckpointTool) {
    Script s;
    s.fork({.tid = 100, .comm = "criu"});
    s.fork({.tid = 200, .comm = "sneaky"});
    s.ns_last_pid(s.of(1).ns.pid, 4000, 100);
    EXPECT_EQ(remarks(s), 0U);
    s.ns_last_pid(s.of(1).ns.pid, 5000, 200);
    s.ns_last_pid(s.of(1).ns.pid, 6000, 200);
    EXPECT_EQ(count(s, Notable::chosen_pids), 2U);
    ASSERT_EQ(s.checker.lookout().notices().remarks.size(), 1U) << "the same, folded";
    EXPECT_EQ(s.checker.lookout().notices().remarks[0].count, 2U);
    const nst_pid_request asked{
        .pid_namespace = s.of(1).ns.pid, .nr = 7000, .asked = 7000, .last_pid = 6000};
    s.alloc_pid(200, std::span(&asked, 1), 1);
    EXPECT_EQ(count(s, Notable::chosen_pids), 3U);
}

TEST(Notable, ANamespaceLongWithoutTasks) {
    Script s;
    contain(s, 100);
    const std::uint32_t uts = s.of(100).ns.uts;
    s.zombie(100);
    s.release(100);
    later(s, 599);
    EXPECT_EQ(count(s, Notable::empty), 0U);
    later(s, 602);
    EXPECT_GE(count(s, Notable::empty), 1U);
    bool told = false;
    for (const Remark& remark : s.checker.lookout().notices().remarks) {
        told = told || remark.ns_inum == uts;
    }
    EXPECT_TRUE(told);
    const std::uint64_t before = count(s, Notable::empty);
    later(s, 900);
    EXPECT_EQ(count(s, Notable::empty), before) << "each is told once";
}

TEST(Notable, WhatAKeyframeTellsMayBeOldAlready) {
    Script s;
    contain(s, 100);
    const std::uint32_t uts = s.of(100).ns.uts;
    // A look shows that none will be too old for some time.
    later(s, 700);
    ASSERT_EQ(remarks(s), 0U);
    s.zombie(100);
    s.release(100);
    nst_ns_kept kept{};
    kept.header.kind = NST_KIND_ns_kept;
    kept.header.boot_ns = 702 * second;
    kept.type = NST_ns_type_uts;
    kept.inum = uts;
    kept.gen = s.world.find_namespace(uts)->gen;
    kept.known = kept_born | kept_certain | kept_facts;
    kept.emptied_ns = 2 * second;
    s.checker.apply(*EventBuffer::make(kept).event());
    later(s, 705);
    EXPECT_EQ(count(s, Notable::empty), 1U);
}

TEST(Notable, ATeardownThatIsStuck) {
    Script s;
    contain(s, 100);
    s.fork({.tid = 101, .parent = 100});
    s.exit(100);
    later(s, 29);
    EXPECT_EQ(count(s, Notable::stuck), 0U);
    later(s, 32);
    EXPECT_EQ(count(s, Notable::stuck), 1U);
}

TEST(Notable, NothingIsToldOfTimeWhileNotCertain) {
    Script s;
    contain(s, 100);
    s.fork({.tid = 101, .parent = 100});
    s.exit(100);
    s.gap();
    later(s, 100);
    EXPECT_EQ(remarks(s), 0U);
}

TEST(Notable, EachCanBeTurnedOff) {
    NotableOptions options;
    ASSERT_TRUE(parse_notables("none", options));
    World world;
    Checker off(world, options);
    Script s;
    contain(s, 100);
    s.setns(100, Slot::mnt, s.of(1).ns.mnt);
    s.ns_last_pid(s.of(1).ns.pid, 4000, 100);
    for (const EventBuffer& event : s.events()) {
        off.apply(*event.event());
    }
    EXPECT_EQ(remarks(s), 2U);
    EXPECT_TRUE(off.lookout().notices().remarks.empty());

    ASSERT_TRUE(parse_notables("stuck,empty", options));
    EXPECT_TRUE(options.wants(Notable::stuck) && options.wants(Notable::empty));
    EXPECT_FALSE(options.wants(Notable::escape) || options.wants(Notable::chosen_pids));
    const auto wrong = parse_notables("stuck,odd", options);
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().line().find("'odd'"), std::string::npos);
}

}  // namespace
}  // namespace nstrail::test
