// SPDX-License-Identifier: Apache-2.0
// source/holders, source/nsfs: on this host, as whoever runs the tests.
#include "source/holders.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "source/nsfs.hpp"

namespace nstrail::test {
namespace {

std::uint32_t own_inum(const char* type) {
    struct stat status{};
    return stat((std::string("/proc/self/ns/") + type).c_str(), &status) == 0
               ? static_cast<std::uint32_t>(status.st_ino)
               : 0;
}

template <class T>
void take(KnownNamespaces& known, const T& event) {
    tell_made([&](const EventBuffer& buffer) { known.take(*buffer.event()); }, event);
}

nst_mark mark(nst_mark_what what, std::uint32_t round) {
    return {.header = {}, .what = static_cast<nst_u32>(what), .round = round};
}

TEST(KnownNamespaces, AreThoseToldSinceTheLastSnapshotBegan) {
    KnownNamespaces known;
    nst_namespace facts{};
    facts.inum = 7;
    take(known, facts);
    EXPECT_TRUE(known.contains(7));
    take(known, mark(NST_mark_what_snapshot_end, 1));
    EXPECT_TRUE(known.contains(7));
    take(known, mark(NST_mark_what_snapshot_begin, 2));
    EXPECT_FALSE(known.contains(7)) << "it may have died, and the snapshot tells it if not";
    EXPECT_EQ(known.snapshot_round(), 2U);
    take(known, facts);
    nst_inum_free freed{};
    freed.inum = 7;
    take(known, freed);
    EXPECT_FALSE(known.contains(7));
}

TEST(KnownNamespaces, RememberWhichMountNamespacesARoundFoundHeld) {
    KnownNamespaces known;
    nst_ns_holder holder{};
    holder.type = NST_ns_type_net;
    holder.inum = 8;
    take(known, holder);
    holder.type = NST_ns_type_mnt;
    holder.inum = 9;
    take(known, holder);
    EXPECT_EQ(known.held_mount_namespaces(), std::set<std::uint32_t>{9});
    take(known, mark(NST_mark_what_holders_begin, 2));
    EXPECT_TRUE(known.held_mount_namespaces().empty());
}

TEST(Nsfs, TellsFactsOfANamespaceAndThoseAbove) {
    const Fd file(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(file);
    ASSERT_TRUE(is_nsfs(file.get()));
    const auto facts = facts_of(file.get(), 3, [](std::uint32_t) { return false; });
    ASSERT_FALSE(facts.empty());
    EXPECT_EQ(facts[0].type, static_cast<nst_u32>(NST_ns_type_uts));
    EXPECT_EQ(facts[0].inum, own_inum("uts"));
    EXPECT_EQ(facts[0].round, 3U);
    EXPECT_EQ(facts[0].ns_key, 0U);
    std::set<std::uint32_t> inums;
    for (const nst_namespace& one : facts) {
        EXPECT_TRUE(inums.insert(one.inum).second) << "each once";
        // Whatever is told of another is told, too, unless this process may not see it.
        EXPECT_TRUE(one.owner == 0 || one.owner == own_inum("user") || inums.size() > 1);
    }
    EXPECT_TRUE(facts_of(file.get(), 3, [](std::uint32_t inum) {
                    return inum == own_inum("uts");
                }).empty());
}

TEST(Nsfs, KnowsOtherFiles) {
    const Fd file(open("/", O_PATH | O_CLOEXEC));
    EXPECT_FALSE(is_nsfs(file.get()));
    EXPECT_FALSE(is_nsfs(-1));
    EXPECT_EQ(nstrail::inum_of(-1), 0U);
}

TEST(MountScan, EndsAndTellsOnlyHoldersAndFacts) {
    KnownNamespaces known;
    nst_ns_holder nobodys{};
    nobodys.type = NST_ns_type_mnt;
    nobodys.inum = 12345;
    take(known, nobodys);
    MountScan scan(4, known);
    std::vector<std::string> unreadable;
    const TellMade tell = [&](const EventBuffer& buffer) {
        const auto event = buffer.event();
        known.take(*event);
        if (event->kind() == NST_KIND_namespace) {
            EXPECT_NE(event->as<nst_namespace>().inum, 0U);
            return;
        }
        ASSERT_EQ(event->kind(), NST_KIND_ns_holder);
        const auto& holder = event->as<nst_ns_holder>();
        EXPECT_EQ(holder.round, 4U);
        const std::string path(text_of(holder.path, sizeof(holder.path)));
        EXPECT_NE(path, "");
        if (holder.what == NST_holder_what_unreadable) {
            EXPECT_EQ(holder.inum, 0U);
            unreadable.push_back(path);
            return;
        }
        EXPECT_EQ(holder.what, static_cast<nst_u32>(NST_holder_what_mount));
        EXPECT_NE(holder.mnt, 0U);
    };
    int steps = 0;
    while (scan.step(tell)) {
        ASSERT_LT(++steps, 1'000'000);
    }
    ASSERT_FALSE(unreadable.empty());
    EXPECT_NE(unreadable.back().find("mount namespace 12345"), std::string::npos)
        << "no task is in it";
}

}  // namespace
}  // namespace nstrail::test
