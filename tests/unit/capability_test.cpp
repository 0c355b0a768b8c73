// SPDX-License-Identifier: Apache-2.0
// model/capability: what cap_capable() would say.
#include "model/capability.hpp"

#include <map>

#include <linux/capability.h>

#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

constexpr std::uint64_t bit(int capability) {
    return std::uint64_t{1} << capability;
}
constexpr std::uint64_t every_capability = ~std::uint64_t{0};

// 1 is the initial user namespace; uid 1000 made 10 in it and uid 1000 made 100 in that; uid 2000
// made 20 beside them.
const std::map<std::uint32_t, UserNsFacts> tree = {
    {1, {.parent = 0, .owner_uid = 0}},
    {10, {.parent = 1, .owner_uid = 1000}},
    {100, {.parent = 10, .owner_uid = 1000}},
    {20, {.parent = 1, .owner_uid = 2000}},
};

std::optional<UserNsFacts> in_tree(std::uint32_t inum) {
    const auto at = tree.find(inum);
    return at == tree.end() ? std::nullopt : std::optional(at->second);
}

std::optional<bool> can(std::uint32_t user_ns, std::uint32_t euid, std::uint64_t effective,
                        std::uint32_t target) {
    return ns_capable({.user_ns = user_ns, .euid = euid, .effective = effective}, target,
                      CAP_SYS_ADMIN, in_tree);
}

TEST(NsCapable, InItsOwnNamespaceByTheEffectiveSet) {
    EXPECT_EQ(can(1, 0, every_capability, 1), true);
    EXPECT_EQ(can(1, 1000, bit(CAP_SYS_ADMIN), 1), true);
    EXPECT_EQ(can(1, 0, 0, 1), false);
    EXPECT_EQ(can(1, 0, every_capability & ~bit(CAP_SYS_ADMIN), 1), false);
    // Being the owner counts from the parent only.
    EXPECT_EQ(can(10, 1000, 0, 10), false);
}

TEST(NsCapable, BelowItBothBySetAndByOwnership) {
    EXPECT_EQ(can(1, 0, every_capability, 10), true);
    EXPECT_EQ(can(1, 0, every_capability, 100), true);
    EXPECT_EQ(can(1, 0, 0, 10), false);
    EXPECT_EQ(can(1, 1000, 0, 10), true);
    // The owner of the child on the way has everything below it, too.
    EXPECT_EQ(can(1, 1000, 0, 100), true);
    EXPECT_EQ(can(1, 2000, 0, 100), false);
    EXPECT_EQ(can(10, 1000, 0, 100), true);
    EXPECT_EQ(can(10, 2000, every_capability, 100), true);
}

TEST(NsCapable, NowhereElse) {
    EXPECT_EQ(can(10, 0, every_capability, 1), false);
    EXPECT_EQ(can(10, 0, every_capability, 20), false);
    EXPECT_EQ(can(100, 1000, every_capability, 10), false);
    // The owner's uid in another namespace is not asked about.
    EXPECT_EQ(can(20, 1000, every_capability, 10), false);
}

TEST(NsCapable, IsNotKnownWhereTheWayIsNot) {
    EXPECT_EQ(can(1, 0, every_capability, 4711), std::nullopt);
    EXPECT_EQ(can(4711, 0, every_capability, 10), false);
    EXPECT_EQ(can(4711, 0, every_capability, 4711), true);
    // Around in circles.
    const auto loop = [](std::uint32_t inum) {
        return std::optional(UserNsFacts{.parent = inum + 1, .owner_uid = 0});
    };
    EXPECT_EQ(ns_capable({.user_ns = 1, .euid = 0, .effective = every_capability}, 2, CAP_SYS_ADMIN,
                         loop),
              std::nullopt);
}

TEST(NsCapable, AsManyLevelsAsThereCanBe) {
    const auto chain = [](std::uint32_t inum) {
        return std::optional(UserNsFacts{.parent = inum - 1, .owner_uid = 0});
    };
    EXPECT_EQ(ns_capable({.user_ns = 1, .euid = 5, .effective = every_capability}, 34,
                         CAP_SYS_ADMIN, chain),
              true);
    EXPECT_EQ(ns_capable({.user_ns = 1, .euid = 5, .effective = every_capability}, 35,
                         CAP_SYS_ADMIN, chain),
              std::nullopt);
}

TEST(CheckpointRestore, TakesEitherCapability) {
    const auto allowed = [](std::uint64_t effective, std::uint32_t target) {
        return checkpoint_restore_ns_capable({.user_ns = 1, .euid = 0, .effective = effective},
                                             target, in_tree);
    };
    EXPECT_EQ(allowed(bit(CAP_CHECKPOINT_RESTORE), 1), true);
    EXPECT_EQ(allowed(bit(CAP_SYS_ADMIN), 100), true);
    EXPECT_EQ(allowed(bit(CAP_SYS_PTRACE), 100), false);
    EXPECT_EQ(allowed(every_capability, 4711), std::nullopt);
}

}  // namespace
}  // namespace nstrail::test
