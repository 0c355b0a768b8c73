// SPDX-License-Identifier: Apache-2.0
// What shows only where there is much: memory, and what goes on in slices.
#include <string>

#include <gtest/gtest.h>

#include "bench/crowd.hpp"
#include "support/adds_up.hpp"

namespace nstrail::test {
namespace {

TEST(Memory, OfAMillionTasksIn100000NamespacesIsBounded) {
    const std::uint64_t before = bytes_in_use();
    if (before == 0) {
        GTEST_SKIP() << "another malloc";
    }
    Crowd crowd({.tasks = 1'000'000, .containers = 20'000});
    crowd.all_born();
    ASSERT_EQ(crowd.world.task_count(), 1'000'002U);
    ASSERT_EQ(crowd.world.view().namespace_count(), 100'008U);
    const std::uint64_t bytes = bytes_in_use() - before;
    RecordProperty("bytes", std::to_string(bytes));
    EXPECT_LE(bytes, 250'000'000U);

    // A snapshot of it all costs nothing more.
    crowd.begin_round(2);
    for (std::uint32_t i = 0; i < crowd.size().tasks; i++) {
        crowd.seen(i);
    }
    crowd.end_round(2);
    EXPECT_LE(bytes_in_use() - before, 250'000'000U);
}

TEST(Memory, OfTheTasksThatGoIsUsedAgain) {
    Crowd crowd({.tasks = 100'000, .containers = 2'000});
    crowd.all_born();
    const std::uint64_t bytes = bytes_in_use();
    for (int turn = 0; turn < 3; turn++) {
        for (std::uint32_t i = crowd.size().tasks; i-- > 0;) {
            crowd.exited(i);
            crowd.released(i);
        }
        for (std::uint32_t container = 0; container < crowd.size().containers; container++) {
            crowd.freed(container);
        }
        ASSERT_EQ(crowd.world.task_count(), 2U);
        ASSERT_EQ(crowd.world.view().namespace_count(), 8U);
        crowd.all_born();
    }
    EXPECT_LE(bytes_in_use(), bytes + (bytes / 100));
}

/// More tasks than one event sweeps, all told by round 2 but for every third.
void lose(Crowd& crowd) {
    crowd.all_born();
    crowd.gap();
    crowd.begin_round(2);
    for (std::uint32_t i = 0; i < crowd.size().tasks; i++) {
        if (i % 3 != 2) {
            crowd.seen(i);
        }
    }
    crowd.end_round(2);
}
constexpr Crowd::Size sweepable{.tasks = 150'000, .containers = 100};

TEST(Sweep, DropsWhatASnapshotDidNotTell) {
    Crowd crowd(sweepable);
    lose(crowd);
    EXPECT_FALSE(crowd.world.certain());
    EXPECT_FALSE(crowd.world.wants_snapshot()) << "only the sweep is to be finished";
    for (int i = 0; i < 100; i++) {
        crowd.tick();
    }
    EXPECT_TRUE(crowd.world.certain());
    EXPECT_EQ(crowd.world.task_count(), 100'000U);
    EXPECT_EQ(crowd.world.account().tasks_dropped, 50'002U) << "init and kthreadd among them";
    EXPECT_EQ(crowd.world.account().resyncs, 1U);
    EXPECT_TRUE(adds_up(crowd.world.view()));
}

TEST(Sweep, KeepsATaskBornMeanwhile) {
    Crowd crowd(sweepable);
    crowd.all_born();
    crowd.begin_round(2);
    for (std::uint32_t i = 0; i < crowd.size().tasks; i++) {
        crowd.seen(i);
    }
    const std::uint32_t last = crowd.size().tasks - 1;
    for (std::uint32_t i = last - 2; i <= last; i++) {
        crowd.exited(i);
        crowd.released(i);
    }
    crowd.end_round(2);
    // Two get the slots of init and kthreadd, which were not told and have been swept by now; the
    // third one of the last slots, which are swept later.
    for (std::uint32_t i = last - 2; i <= last; i++) {
        crowd.born(i);
    }
    for (int i = 0; i < 100; i++) {
        crowd.tick();
    }
    EXPECT_TRUE(crowd.world.certain());
    for (std::uint32_t i = last - 2; i <= last; i++) {
        EXPECT_NE(crowd.world.find_task(crowd.tid(i)), nullptr);
    }
}

TEST(Sweep, KeepsAGapOpenThatOpensMeanwhile) {
    Crowd crowd(sweepable);
    lose(crowd);
    crowd.gap();
    for (int i = 0; i < 100; i++) {
        crowd.tick();
    }
    EXPECT_FALSE(crowd.world.certain());
    EXPECT_TRUE(crowd.world.wants_snapshot());
}

TEST(Orphans, AreToldApartFromTheNextNamespaceWithTheNumber) {
    Crowd crowd({.tasks = 1'000, .containers = 10});
    crowd.all_born();
    for (std::uint32_t i = 200; i < 300; i++) {
        crowd.own_nsproxy(i);  // container 2: a hundred sets that refer to the same namespaces
    }
    crowd.freed(2);  // their exits were lost
    const View view = crowd.world.view();
    for (std::uint32_t i = 200; i < 300; i++) {
        const Task task = *view.task(crowd.tid(i));
        for (const Slot slot : {Slot::mnt, Slot::uts, Slot::ipc, Slot::net, Slot::pid}) {
            EXPECT_FALSE(task.ns(slot)) << slot_name(slot);
            EXPECT_EQ(task.ns()[slot], 0U);
        }
        EXPECT_TRUE(task.ns(Slot::user));
    }
    EXPECT_TRUE(view.task(crowd.tid(199))->ns(Slot::net));
    EXPECT_TRUE(adds_up(view));
    // The numbers go out again, to the init of a new container and to nobody else.
    crowd.born(200);
    const View later = crowd.world.view();
    EXPECT_EQ(later.ns(crowd.inum(2, 0))->population().tasks, 1U);
    EXPECT_FALSE(later.task(crowd.tid(201))->ns(Slot::mnt));
    EXPECT_TRUE(adds_up(later));
}

}  // namespace
}  // namespace nstrail::test
