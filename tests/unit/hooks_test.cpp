// SPDX-License-Identifier: Apache-2.0
// source/hooks: what was asked for with --hooks holds, also where a hook loads and does not attach.
#include "source/hooks.hpp"

#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

TEST(Hooks, AFunctionThatFentryCannotAttachToGetsAKprobeIfAnyWayWillDo) {
    EXPECT_EQ(next_way(Way::fentry, HookChoice::automatic), Way::kprobe);
}

TEST(Hooks, WhoAskedForFentryAloneGetsNoKprobe) {
    EXPECT_EQ(next_way(Way::fentry, HookChoice::full), Way::none);
}

TEST(Hooks, BelowAKprobeATracepointAndAnIteratorThereIsNothing) {
    for (const HookChoice choice :
         {HookChoice::automatic, HookChoice::full, HookChoice::kprobe, HookChoice::tracepoint}) {
        EXPECT_EQ(next_way(Way::kprobe, choice), Way::none);
        EXPECT_EQ(next_way(Way::tracepoint, choice), Way::none);
        EXPECT_EQ(next_way(Way::iterator, choice), Way::none);
    }
}

}  // namespace
}  // namespace nstrail::test
