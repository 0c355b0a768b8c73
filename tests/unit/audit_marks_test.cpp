// SPDX-License-Identifier: Apache-2.0
// source/audit_marks: what happens is followed by two marks, what a snapshot tells by none.
#include "source/audit_marks.hpp"

#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

using namespace std::chrono_literals;

class AuditMarksTest : public testing::Test {
protected:
    template <class T>
    void deliver(T event) {
        event.header.kind = kind_of<T>;
        const EventBuffer buffer = EventBuffer::make(event);
        marks.delivered(*buffer.event());
    }
    template <class T>
    void deliver_of_round(std::uint32_t round) {
        T event{};
        event.round = round;
        deliver(event);
    }
    /// How many marks come within that time, of somebody who looks four times a second.
    int within(std::chrono::milliseconds time) {
        int count = 0;
        for (const AuditMarks::Time end = now + time; now < end;) {
            now += 250ms;
            if (marks.due(now)) {
                marks.told(now);
                count++;
            }
        }
        return count;
    }
    /// What the iterator of tasks tells each time.
    void snapshot() {
        deliver_of_round<nst_mark>(7);
        deliver_of_round<nst_namespace>(7);
        deliver_of_round<nst_cgroup>(7);
        deliver_of_round<nst_task_seen>(7);
        deliver_of_round<nst_mark>(7);
    }

    AuditMarks::Time now{1h};
    AuditMarks marks{now};
};

TEST_F(AuditMarksTest, TwoComeAfterTheLatestEvent) {
    deliver(nst_task_exit{});
    EXPECT_EQ(within(250ms), 1);
    deliver(nst_task_free{});
    EXPECT_EQ(within(4s), 2);
}

TEST_F(AuditMarksTest, OneComesFromTimeToTimeWhereNothingHappens) {
    EXPECT_EQ(within(4s), 0);
    EXPECT_EQ(within(1s), 1);
    EXPECT_EQ(within(50s), 10);
}

TEST_F(AuditMarksTest, SnapshotsBringNoneOfTheirOwn) {
    int count = 0;
    for (int second = 0; second < 50; second++) {
        snapshot();
        count += within(1s);
    }
    EXPECT_EQ(count, 10);
}

TEST_F(AuditMarksTest, WhatIsToldAsItIsMadeIsOfNoSnapshot) {
    deliver_of_round<nst_namespace>(0);
    EXPECT_EQ(within(1s), 2);
    deliver_of_round<nst_cgroup>(0);
    EXPECT_EQ(within(1s), 2);
}

}  // namespace
}  // namespace nstrail::test
