// SPDX-License-Identifier: Apache-2.0
// NS1, NS2, NS3: inode numbers, and who goes before whom.
#include "model/kernel_bits.hpp"
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

std::uint32_t uts_of(Script& s, std::uint32_t tid) {
    return s.of(tid).ns.uts;
}

TEST(Inums, AreUsedAgainAcrossTypes) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t inum = uts_of(s, 100);
    s.die(100);
    s.inum_free(inum);
    s.next_inum(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWIPC});
    s.die(101);
    s.inum_free(inum);
    EXPECT_TRUE(holds(s, {"NS1", "NS2"}));
}

TEST(Inums, TheSecondOfThePairMayComeAfterTheNextBirth) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t inum = uts_of(s, 100);
    s.die(100);
    s.free_entry(inum);
    s.next_inum(inum);
    s.fork({.tid = 101, .flags = CLONE_NEWUTS});
    s.free_exit(inum);
    s.die(101);
    s.inum_free(inum);
    EXPECT_TRUE(holds(s, {"NS1", "NS2"}));
}

TEST(Inums, AreTakenByProcfsToo) {
    Script s;
    s.inum_alloc(0xF0000042);
    s.inum_free(0xF0000042);
    s.inum_free(0xF0000043);  // it was there before
    s.inum_alloc(0xEFFFFF00);
    s.inum_alloc(0xEFFFFF00);  // below those given out: none of ours
    EXPECT_TRUE(holds(s, {"NS1"}));
}

TEST(Namespaces, ThatWereThereBeforeMayDieWithTasksOfTheSnapshot) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100, .flags = CLONE_NEWUTS});
    const std::uint32_t inum = uts_of(s, 100);
    s.snapshot(1);
    s.free_entry(inum);  // what the snapshot told of 100 is old
    EXPECT_TRUE(holds(s, {}));
    EXPECT_EQ(count_of(s.checker, "NS2").checked, 0U);
}

TEST(Namespaces, MayDieWhileASnapshotTellsOfTasksThatAreLeavingThem) {
    // Their last events were told as the functions began, which had not done their work as the
    // snapshot read them.
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS | CLONE_NEWPID});
    s.fork({.tid = 101, .flags = CLONE_NEWUTS});
    s.fork({.tid = 102, .flags = CLONE_NEWUTS});
    const nst_ns_set released = s.of(100).ns;
    const std::uint32_t left = uts_of(s, 101);
    const std::uint32_t switched = uts_of(s, 102);
    s.zombie(100);
    s.change(100).exit_state = exit_dead;
    s.exit(101);
    const Script::Look looks[] = {s.look(100), s.look(101), s.look(102)};
    s.release(100);
    s.leave(101);
    s.setns(102, Slot::uts, initial(NST_ns_type_uts));
    s.snapshot_begin(2);
    for (const Script::Look& look : looks) {
        s.seen(look);
    }
    for (const std::uint32_t inum : {released.uts, released.pid, left, switched}) {
        s.inum_free(inum);
    }
    s.snapshot_end(2);
    EXPECT_TRUE(holds(s, {"NS2"}));
}

TEST(Namespaces, OwnersMayDieBeforeWhatTheyOwn) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUSER | CLONE_NEWUTS});
    const std::uint32_t user = s.of(100).ns.user;
    const std::uint32_t uts = uts_of(s, 100);
    s.die(100);
    s.inum_free(user);
    s.inum_free(uts);
    EXPECT_TRUE(holds(s, {"NS1", "NS2"}));
    EXPECT_EQ(count_of(s.checker, "NS3").checked, 0U);
}

TEST(Namespaces, DieAfterTheirChildren) {
    for (const std::uint64_t flag : {CLONE_NEWPID, CLONE_NEWUSER}) {
        Script s;
        s.fork({.tid = 100, .flags = flag});
        s.fork({.tid = 101, .parent = 100, .flags = flag});
        const auto inum = [&](std::uint32_t tid) {
            return flag == CLONE_NEWPID ? s.of(tid).ns.pid : s.of(tid).ns.user;
        };
        const std::uint32_t parent = inum(100);
        const std::uint32_t child = inum(101);
        s.die(101);
        s.die(100);
        s.inum_free(child);
        s.inum_free(parent);
        EXPECT_TRUE(holds(s, {"NS1", "NS2", "NS3"}));
    }
}

const std::vector<Breach> inums = {
    {.name = "GivenOutWhileInUse",
     .rule = "NS1",
     .before = [](Script& s) { s.inum_alloc(0xF0000042); },
     .broken = [](Script& s) { s.inum_alloc(0xF0000042); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_inum_alloc}},
    {.name = "FreedTwice",
     .rule = "NS1",
     .before =
         [](Script& s) {
             s.inum_alloc(0xF0000042);
             s.inum_free(0xF0000042);
         },
     .broken = [](Script& s) { s.free_entry(0xF0000042); },
     .evidence = {NST_KIND_inum_free, NST_KIND_inum_free}},
    {.name = "OneFromBeforeFreedTwice",
     .rule = "NS1",
     .before = [](Script& s) { s.inum_free(0xF0000042); },
     .broken = [](Script& s) { s.free_entry(0xF0000042); },
     .evidence = {NST_KIND_inum_free, NST_KIND_inum_free}},
    {.name = "ATaskIsInIt",
     .rule = "NS2",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWUTS}); },
     .broken = [](Script& s) { s.free_entry(uts_of(s, 100)); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_inum_free}},
    {.name = "ATaskHasItForItsChildren",
     .rule = "NS2",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.unshare(100, CLONE_NEWPID);
         },
     .broken = [](Script& s) { s.free_entry(s.of(100).ns.pid_for_children); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_inum_free}},
    {.name = "ATaskHasItByItsCredentials",
     .rule = "NS2",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.unshare(100, CLONE_NEWUSER);
         },
     .broken = [](Script& s) { s.free_entry(s.of(100).ns.user); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_inum_free}},
    {.name = "ANumberIsInUse",
     .rule = "NS2",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
             s.swallow<nst_free_pid>();
             s.die(100);
         },
     .broken = [](Script& s) { s.free_entry(0xF0000100); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_alloc_pid, NST_KIND_inum_free}},
    {.name = "AChildPidNamespaceLives",
     .rule = "NS3",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
             s.die(101);
             s.die(100);
         },
     .broken = [](Script& s) { s.free_entry(0xF0000100); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_namespace, NST_KIND_inum_free}},
    {.name = "AChildUserNamespaceLives",
     .rule = "NS3",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWUSER});
             s.unshare(100, CLONE_NEWUSER);
             s.die(100);
         },
     .broken = [](Script& s) { s.free_entry(0xF0000100); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_namespace, NST_KIND_inum_free}},
};
NST_BREACHES(Inums, inums);

}  // namespace
}  // namespace nstrail::test
