// SPDX-License-Identifier: Apache-2.0
// NSP1, NSP2, NSP3, NSP7: who changes an nsproxy, when, and to what.
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

TEST(Nsproxy, IsChangedByItsTask) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWUTS);
    s.fork({.tid = 101, .parent = 100});
    s.setns(101, Slot::uts, initial(NST_ns_type_uts));
    s.exec(101, "true");
    s.die(101);
    s.die(100);
    EXPECT_TRUE(holds(s, {"NSP1", "NSP2", "NSP3", "NSP7"}));
}

TEST(Nsproxy, IsTakenFromAForkThatFailed) {
    Script s;
    s.fork({.tid = 100});
    s.fork_cleanup(100, 0xC0FFEE, 101);
    s.fork_cleanup(100, 0xC0FFEE, 100);  // alloc_pid failed: it still has its parent's tid
    EXPECT_TRUE(holds(s, {"NSP1"}));
    EXPECT_EQ(count_of(s.checker, "NSP1").checked, 2U);
}

TEST(Nsproxy, OfASnapshotMayBeOld) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100});
    s.snapshot(1);
    s.silent_unshare(100, CLONE_NEWUTS);  // before the trace, read before that
    s.unshare(100, CLONE_NEWIPC);
    s.die(100);
    EXPECT_TRUE(holds(s, {"NSP1", "NSP2", "NSP3"}));
}

TEST(Nsproxy, WasNotKnownWhereASyscallReturned) {
    Script s;
    s.fork({.tid = 100});
    s.spoil<nst_ns_switch>([](nst_ns_switch& e) {
        e.via = NST_switch_via_syscall;
        e.before = {};
    });
    s.unshare(100, CLONE_NEWUTS);
    EXPECT_TRUE(holds(s, {"NSP1", "NSP7"}));
}

TEST(Nsproxy, ATaskThatReapedItselfRunsOn) {
    Script s;
    s.fork({.tid = 100});
    s.zombie(100);
    s.spoil<nst_free_pid>([](nst_free_pid& e) { e.actor_tid = 100; });
    s.spoil<nst_task_release>([](nst_task_release& e) { e.actor_tid = 100; });
    s.release(100);
    s.inum_alloc(0xF0000042, 100);  // an interrupt borrows it
    s.task_free(100);
    EXPECT_TRUE(holds(s, {"NSP3", "REL1"}));
}

TEST(Nsproxy, MayBeShared) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS});
    s.thread(101, 100);
    s.fork({.tid = 102, .parent = 100});
    s.fork({.tid = 103});
    // setns gives one that another holds, and the caller holds it too.
    const nst_ns_set held = s.of(100).ns;
    s.spoil<nst_ns_switch>([held](nst_ns_switch& e) {
        e.after = held;
        e.references = 4;
    });
    s.setns(103, Slot::uts, held.uts);
    EXPECT_TRUE(holds(s, {"NSP7"}));
}

TEST(Nsproxy, AnAddressMayBeUsedAgain) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS, .nsproxy = 0xB000});
    s.die(100);
    s.fork({.tid = 101, .flags = CLONE_NEWIPC, .nsproxy = 0xB000});
    EXPECT_TRUE(holds(s, {}));
}

TEST(Nsproxy, IsNotHeldByATaskWhoseEndWasLost) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWUTS, .nsproxy = 0xB000});
    s.task_new({.tid = 101, .key = s.of(100).ref.key});
    s.fork({.tid = 102});
    s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.after.nsproxy = 0xB000; });
    s.unshare(102, CLONE_NEWUTS);
    s.audited();
    EXPECT_EQ(count_of(s.checker, "REL1").violations, 1U);
    EXPECT_TRUE(found(s.checker, "NSP7").empty());
}

void unshared(Script& s) {
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWUTS);
}

const std::vector<Breach> changers = {
    {.name = "AnotherGaveIt",
     .rule = "NSP1",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([&](nst_ns_switch& e) {
                 e.actor_key = s.of(1).ref.key;
                 e.actor_tid = 1;
             });
             s.unshare(100, CLONE_NEWUTS);
         },
     .evidence = {NST_KIND_ns_switch}},
    {.name = "AnotherTookItFromOneThatHadBeenBorn",
     .rule = "NSP1",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken = [](Script& s) { s.fork_cleanup(1, s.of(100).ref.key, 100); },
     .evidence = {NST_KIND_task_new, NST_KIND_ns_switch}},
};
NST_BREACHES(Changer, changers);

const std::vector<Breach> left = {
    {.name = "OtherThanAtItsBirth",
     .rule = "NSP2",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.before.nsproxy = other_nsproxy; });
             s.unshare(100, CLONE_NEWUTS);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_ns_switch}},
    {.name = "OtherThanItsLastSwitchGave",
     .rule = "NSP2",
     .before = unshared,
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.before.nsproxy = other_nsproxy; });
             s.zombie(100);
         },
     .evidence = {NST_KIND_ns_switch, NST_KIND_ns_switch}},
    {.name = "OtherNamespacesInIt",
     .rule = "NSP2",
     .before = unshared,
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.before.net++; });
             s.zombie(100);
         },
     .evidence = {NST_KIND_ns_switch, NST_KIND_ns_switch}},
    {.name = "OtherAtAnExec",
     .rule = "NSP2",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_exec>([](nst_task_exec& e) { e.ns.nsproxy = other_nsproxy; });
             s.exec(100, "true");
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_exec}},
};
NST_BREACHES(Left, left);

void gone(Script& s) {
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.zombie(101);
}

const std::vector<Breach> after = {
    {.name = "LeftTwice",
     .rule = "NSP3",
     .before = gone,
     .broken = [](Script& s) { s.leave(101); },
     .evidence = {NST_KIND_ns_switch, NST_KIND_ns_switch}},
    {.name = "NullBecameAnother",
     .rule = "NSP3",
     .before = [](Script& s) { s.exists({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.before.nsproxy = 0; });
             s.unshare(100, CLONE_NEWUTS);
         },
     .evidence = {NST_KIND_ns_switch}},
    {.name = "GotAnother",
     .rule = "NSP3",
     .before = gone,
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.before.nsproxy = other_nsproxy; });
             s.unshare(101, CLONE_NEWUTS);
         },
     .evidence = {NST_KIND_ns_switch, NST_KIND_ns_switch}},
    {.name = "Allocated",
     .rule = "NSP3",
     .before = gone,
     .broken =
         [](Script& s) {
             const nst_pid_request number{
                 .pid_namespace = initial(NST_ns_type_pid), .nr = 102, .asked = 0, .last_pid = 0};
             s.alloc_pid(101, std::span(&number, 1));
         },
     .evidence = {NST_KIND_ns_switch, NST_KIND_alloc_pid}},
    {.name = "GaveBirth",
     .rule = "NSP3",
     .before = gone,
     .broken = [](Script& s) { s.task_new({.tid = 102, .parent = 101}); },
     .evidence = {NST_KIND_ns_switch, NST_KIND_task_new}},
    {.name = "TookItsLeadersTid",
     .rule = "NSP3",
     .before = gone,
     .broken = [](Script& s) { s.exchange(101); },
     .evidence = {NST_KIND_ns_switch, NST_KIND_exchange_tids}},
    {.name = "Executed",
     .rule = "NSP3",
     .before = gone,
     .broken = [](Script& s) { s.exec(101, "true"); },
     .evidence = {NST_KIND_ns_switch, NST_KIND_task_exec}},
    {.name = "ExecutedAfterItsRelease",
     .rule = "NSP3",
     .before =
         [](Script& s) {
             gone(s);
             s.task_release(101);
         },
     .broken = [](Script& s) { s.exec(101, "true"); },
     .evidence = {NST_KIND_task_release, NST_KIND_task_exec}},
};
NST_BREACHES(After, after);

const std::vector<Breach> given = {
    {.name = "WithoutAReference",
     .rule = "NSP7",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.references = 0xFFFFFFFF; });
             s.unshare(100, CLONE_NEWUTS);
         },
     .evidence = {NST_KIND_ns_switch}},
    {.name = "WithOtherNamespacesThanItsHolders",
     .rule = "NSP7",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWUTS, .nsproxy = 0xB000});
             s.fork({.tid = 101});
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) {
                 e.after.nsproxy = 0xB000;
                 e.references = 2;
             });
             s.unshare(101, CLONE_NEWUTS);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_ns_switch}},
    {.name = "WithTooFewReferences",
     .rule = "NSP7",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWUTS});
             s.fork({.tid = 101});
         },
     .broken =
         [](Script& s) {
             const nst_ns_set held = s.of(100).ns;
             s.spoil<nst_ns_switch>([held](nst_ns_switch& e) { e.after = held; });
             s.setns(101, Slot::uts, held.uts);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_ns_switch}},
    {.name = "BornWithOtherNamespacesThanItsHolders",
     .rule = "NSP7",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.ns.uts++; });
             s.fork({.tid = 101});
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_new}},
};
NST_BREACHES(Given, given);

}  // namespace
}  // namespace nstrail::test
