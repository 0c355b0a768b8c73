// SPDX-License-Identifier: Apache-2.0
// REL1 to REL6: how tasks go, and who goes last.
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

TEST(Releases, AreToldOnceOrTwiceByTheLoop) {
    Script s;
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.zombie(100);
    s.zombie(101);
    s.release(101);
    s.task_release(100, NST_release_via_loop);
    s.task_release(100, NST_release_via_loop);
    s.swallow<nst_task_release>();
    s.release(100);
    s.task_free(100);
    s.task_free(101);
    EXPECT_TRUE(holds(s, {"REL1", "REL2", "REL3", "REL4", "REL5"}));
}

TEST(Releases, OfTasksFromBeforeTheTrace) {
    Script s(full_hooks, Script::Start::session);
    s.exists({.tid = 100});
    s.exists({.tid = 101});
    s.snapshot(1);
    s.die(100);
    s.task_release(101, NST_release_via_resync);  // made by the agent
    EXPECT_TRUE(holds(s, {}));
}

TEST(Releases, MayBeFollowedByARecordThatIsOld) {
    Script s;
    s.fork({.tid = 100});
    s.snapshot_begin(2);
    const Script::Look look = s.look(100);
    s.zombie(100);
    s.release(100);
    s.seen(look);  // read before, told after
    s.snapshot_end(2);
    s.task_free(100);
    EXPECT_TRUE(holds(s, {"REL1", "REL4"}));
}

TEST(Releases, MayBeMetByALaterSnapshot) {
    Script s;
    s.fork({.tid = 100});
    s.zombie(100);
    const Script::Look look = s.look(100);
    s.release(100);
    s.snapshot_begin(2);
    s.seen(look);  // release_task has been entered, and not yet detached the pid
    s.snapshot_end(2);
    s.task_free(100);
    EXPECT_TRUE(holds(s, {"REL1", "REL4"}));
}

TEST(Leavings, MayBeToldByBothHooks) {
    Script s;
    s.fork({.tid = 100});
    s.exit(100);
    const nst_ns_set before = s.of(100).ns;
    s.leave(100);
    nst_ns_switch again{};
    again.task = s.of(100).ref;
    again.actor_key = again.task.key;
    again.actor_tid = 100;
    again.via = NST_switch_via_switched;
    again.before = before;
    s.emit(again);
    s.release(100);
    s.task_free(100);
    EXPECT_TRUE(holds(s, {"REL2", "NSP3"}));
}

TEST(Releases, OfAnInitAreTheLastOfItsNamespace) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.thread(101, 100);
    s.fork({.tid = 102, .parent = 101});
    // The leader exits first; the other thread is the one that waits for all.
    s.zombie(100);
    s.exit(101);
    s.leave(101);
    s.die(102);
    s.release(101);
    s.release(100, NST_release_via_loop);
    EXPECT_TRUE(holds(s, {"REL5", "REL6"}));
}

TEST(Births, AtTheAddressOfATaskOfWhichNothingElseWasTold) {
    Script s;
    s.exists({.tid = 100});
    const nst_pid_request number{
        .pid_namespace = initial(NST_ns_type_pid), .nr = 101, .asked = 0, .last_pid = 0};
    const nst_pid_nr given{.pid_namespace = number.pid_namespace, .nr = number.nr};
    const std::uint64_t key = s.alloc_pid(100, std::span(&number, 1));
    s.emit(nst_free_pid{.header = {}, .pid_key = key, .levels = 1, .actor_tid = 100},
           std::span(&given, 1));
    // All of its end is lost.
    s.task_new({.tid = 102, .key = s.of(100).ref.key});
    s.gap();
    s.audited();
    EXPECT_EQ(s.checker.findings().violations(), 0U);
}

void fork(Script& s) {
    s.fork({.tid = 100});
}
void zombie(Script& s) {
    s.fork({.tid = 100});
    s.zombie(100);
}
void released(Script& s) {
    zombie(s);
    s.task_release(100);
}

const std::vector<Breach> once = {
    {.name = "Twice",
     .rule = "REL1",
     .before = released,
     .broken = [](Script& s) { s.task_release(100); },
     .evidence = {NST_KIND_task_release, NST_KIND_task_release}},
    {.name = "WithoutABirth",
     .rule = "REL1",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.exists({.tid = 101});
             const nst_pid_request number{
                 .pid_namespace = initial(NST_ns_type_pid), .nr = 101, .asked = 0, .last_pid = 0};
             s.change(101).pid_key = s.alloc_pid(100, std::span(&number, 1));
         },
     .broken = [](Script& s) { s.task_release(101); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_task_release}},
    {.name = "BornWhileAlive",
     .rule = "REL1",
     .before = fork,
     .broken = [](Script& s) { s.task_new({.tid = 101, .key = s.of(100).ref.key}); },
     .evidence = {NST_KIND_task_new, NST_KIND_task_new}},
    {.name = "BornAsOneThatActed",
     .rule = "REL1",
     .before =
         [](Script& s) {
             s.exists({.tid = 100});
             s.exec(100, "sh");
         },
     .broken = [](Script& s) { s.task_new({.tid = 101, .key = s.of(100).ref.key}); },
     .evidence = {NST_KIND_task_exec, NST_KIND_task_new}},
    {.name = "FreedWithoutOne",
     .rule = "REL1",
     .before = zombie,
     .broken = [](Script& s) { s.task_free(100); },
     .evidence = {NST_KIND_task_new, NST_KIND_task_free}},
};
NST_BREACHES(Once, once);

const std::vector<Breach> attached = {
    {.name = "WithAnNsproxy",
     .rule = "REL2",
     .before = [](Script& s) { s.exists({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_release>([](nst_task_release& e) { e.nsproxy = other_nsproxy; });
             s.task_release(100);
         },
     .evidence = {NST_KIND_task_release}},
    {.name = "WithoutHavingLeft",
     .rule = "REL2",
     .before = fork,
     .broken =
         [](Script& s) {
             s.exit(100);
             s.task_release(100);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_release}},
    {.name = "WithoutHavingLeftWhatItSwitchedTo",
     .rule = "REL2",
     .before =
         [](Script& s) {
             fork(s);
             s.unshare(100, CLONE_NEWUTS);
         },
     .broken = [](Script& s) { s.task_release(100); },
     .evidence = {NST_KIND_ns_switch, NST_KIND_task_release}},
    {.name = "WithoutAStructPid",
     .rule = "REL3",
     .before = [](Script& s) { s.exists({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_release>([](nst_task_release& e) { e.pid_key = 0; });
             s.task_release(100);
         },
     .evidence = {NST_KIND_task_release}},
    {.name = "AfterItsStructPidWasFreed",
     .rule = "REL3",
     .before =
         [](Script& s) {
             s.exists({.tid = 100});
             const TrueTask& task = s.of(100);
             s.emit(
                 nst_free_pid{.header = {}, .pid_key = task.pid_key, .levels = 1, .actor_tid = 1},
                 std::span<const nst_pid_nr>(task.vpids));
         },
     .broken = [](Script& s) { s.task_release(100); },
     .evidence = {NST_KIND_free_pid, NST_KIND_task_release}},
    {.name = "WithAnotherStructPid",
     .rule = "REL3",
     .before = zombie,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_release>([](nst_task_release& e) { e.pid_key++; });
             s.task_release(100);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_release}},
    {.name = "WithTheStructPidItExchanged",
     .rule = "REL3",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.thread(101, 100);
             s.zombie(100);
             s.exchange(101);
             s.release(101);
             s.zombie(100);
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_release>([](nst_task_release& e) { e.pid_key++; });
             s.task_release(100);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_exchange_tids, NST_KIND_task_release}},
    {.name = "OfALeaderFromBeforeWithTheStructPidOfItsThread",
     .rule = "REL3",
     .before =
         [](Script& s) {
             s.exists({.tid = 100});
             s.thread(101, 100);
             s.zombie(100);
             s.exchange(101);
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_release>([](nst_task_release& e) { e.pid_key++; });
             s.task_release(101);
         },
     .evidence = {NST_KIND_task_release},
     .by_model = true},
    {.name = "NumbersFreedBefore",
     .rule = "REL3",
     .before = zombie,
     .broken =
         [](Script& s) {
             s.swallow<nst_task_release>();
             s.release(100);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_free_pid}},
};
NST_BREACHES(Attached, attached);

const std::vector<Breach> departed = {
    {.name = "AStructPidAtTheEnd",
     .rule = "REL4",
     .before = released,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_free>([](nst_task_free& e) { e.pid_key = 0xB1D; });
             s.task_free(100);
         },
     .evidence = {NST_KIND_task_free}},
    {.name = "AStructPidAtTheEndOfOneFromBefore",
     .rule = "REL4",
     .before = [](Script& s) { s.exists({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_free>([](nst_task_free& e) { e.pid_key = 0xB1D; });
             s.task_free(100);
         },
     .evidence = {NST_KIND_task_free}},
    {.name = "InASwitch",
     .rule = "REL4",
     .before = released,
     .broken = [](Script& s) { s.leave(100); },
     .evidence = {NST_KIND_task_release, NST_KIND_ns_switch}},
    {.name = "InAnExec",
     .rule = "REL4",
     .before = released,
     .broken = [](Script& s) { s.exec(100, "true"); },
     .evidence = {NST_KIND_task_release, NST_KIND_task_exec}},
};
NST_BREACHES(Gone, departed);

const std::vector<Breach> last = {
    {.name = "AThreadIsLeft",
     .rule = "REL5",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.thread(101, 100);
             s.zombie(100);
         },
     .broken = [](Script& s) { s.task_release(100); },
     .evidence = {NST_KIND_task_new, NST_KIND_task_release}},
    {.name = "AThreadIsLeftWhereAnotherWasToldTwice",
     .rule = "REL5",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.thread(101, 100);
             s.thread(102, 100);
             s.zombie(100);
             s.zombie(101);
             s.task_release(101);
             s.task_release(101, NST_release_via_loop);
         },
     .broken = [](Script& s) { s.task_release(100); },
     .evidence = {NST_KIND_task_new, NST_KIND_task_release}},
    {.name = "ANumberIsLeftInTheNamespaceOfAnInit",
     .rule = "REL6",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
             s.fork({.tid = 101, .parent = 100});
             s.zombie(100);
         },
     .broken = [](Script& s) { s.task_release(100); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_alloc_pid, NST_KIND_task_release}},
};
NST_BREACHES(Last, last);

}  // namespace
}  // namespace nstrail::test
