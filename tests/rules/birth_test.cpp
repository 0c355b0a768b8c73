// SPDX-License-Identifier: Apache-2.0
// NSP4, NSP5, NSP6: where a task is born, and that it stays there.
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

TEST(Births, InheritWhatCloneDoesNotMakeNew) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWPID | CLONE_NEWTIME);
    s.fork({.tid = 101, .parent = 100});
    s.fork({.tid = 102, .parent = 101, .flags = CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWNET});
    s.fork({.tid = 103, .parent = 101, .flags = CLONE_NEWUSER | CLONE_NEWTIME});
    s.thread(104, 101);
    s.exec(101, "sh");
    EXPECT_TRUE(holds(s, {"NSP4", "NSP5", "NSP6", "PID2", "PID5"}));
}

TEST(Births, WithSharedMemoryMayKeepTheParentsTime) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWTIME);
    const nst_ns_set parent = s.of(100).ns;
    s.spoil<nst_task_new>([parent](nst_task_new& e) { e.ns.time = parent.time; });
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_VM | CLONE_VFORK, .nsproxy = 0});
    s.fork({.tid = 102, .parent = 100, .flags = CLONE_VM | CLONE_VFORK});
    for (const Finding& finding : found(s.checker, "NSP5")) {
        ADD_FAILURE() << finding.because;
    }
    s.audited();
    EXPECT_TRUE(found(s.checker, "NSP5").empty());
    EXPECT_EQ(count_of(s.checker, "NSP5").checked, 2U);
}

TEST(Births, OfOneWhosePidNamespaceForChildrenIsDeadOrBelow) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101, .flags = CLONE_NEWPID});
    const std::uint32_t below = s.of(101).ns.pid;
    s.setns(100, Slot::pid_for_children, below);
    s.die(101);
    s.exec(100, "sh");
    s.setns(100, Slot::pid_for_children, initial(NST_ns_type_pid));
    EXPECT_TRUE(holds(s, {"NSP4", "NSP6"}));
}

const std::vector<Breach> active = {
    {.name = "ASwitchMovedIt",
     .rule = "NSP4",
     .before = [](Script& s) { s.exists({.tid = 100}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>(
                 [](nst_ns_switch& e) { e.after.pid = e.after.pid_for_children; });
             s.unshare(100, CLONE_NEWPID);
         },
     .evidence = {NST_KIND_ns_switch}},
    {.name = "OtherAtAnExec",
     .rule = "NSP4",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_exec>([](nst_task_exec& e) { e.ns.pid++; });
             s.exec(100, "true");
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_exec}},
    {.name = "OtherAtItsExit",
     .rule = "NSP4",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken =
         [](Script& s) {
             const nst_ns_set set = s.of(100).ns;
             s.spoil<nst_task_exit>([set](nst_task_exit& e) {
                 e.ns = set;
                 e.ns.pid++;
             });
             s.exit(100);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_exit}},
    {.name = "OtherWhereItLeaves",
     .rule = "NSP4",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.before.pid++; });
             s.zombie(100);
         },
     .evidence = {NST_KIND_task_new, NST_KIND_ns_switch}},
};
NST_BREACHES(Active, active);

void parent(Script& s) {
    s.fork({.tid = 100});
}

const std::vector<Breach> inherited = {
    {.name = "ElsewhereThanItsNsproxySays",
     .rule = "NSP5",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.ns.pid_for_children = 0xF0000999; });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_task_new}},
    {.name = "AThreadWithoutCloneThread",
     .rule = "NSP5",
     .before = parent,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.clone_flags = 0; });
             s.thread(101, 100);
         },
     .evidence = {NST_KIND_task_new}},
    {.name = "CloneThreadMadeALeader",
     .rule = "NSP5",
     .before = parent,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.clone_flags = CLONE_THREAD; });
             s.fork({.tid = 101, .parent = 100});
         },
     .evidence = {NST_KIND_task_new}},
    {.name = "AThreadInAnothersGroup",
     .rule = "NSP5",
     .before = parent,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.task.tgid = 1; });
             s.thread(101, 100);
         },
     .evidence = {NST_KIND_task_new}},
    {.name = "NewWithoutAFlag",
     .rule = "NSP5",
     .before = parent,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.clone_flags = CLONE_NEWUTS; });
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWUTS | CLONE_NEWIPC});
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_new}},
    {.name = "InheritedDespiteAFlag",
     .rule = "NSP5",
     .before = parent,
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.clone_flags |= CLONE_NEWNET; });
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWUTS});
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_new}},
    {.name = "OtherThanASwitchGaveItsParent",
     .rule = "NSP5",
     .before =
         [](Script& s) {
             parent(s);
             s.unshare(100, CLONE_NEWNET);
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.ns.net = initial(NST_ns_type_net); });
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWUTS});
         },
     .evidence = {NST_KIND_ns_switch, NST_KIND_task_new}},
    {.name = "NotTheTimeForChildren",
     .rule = "NSP5",
     .before =
         [](Script& s) {
             parent(s);
             s.unshare(100, CLONE_NEWTIME);
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.ns.time = initial(NST_ns_type_time); });
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWUTS});
         },
     .evidence = {NST_KIND_ns_switch, NST_KIND_task_new}},
};
NST_BREACHES(Inherited, inherited);

const std::vector<Breach> below = {
    {.name = "ASwitchToTheParents",
     .rule = "NSP6",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken = [](Script& s) { s.setns(100, Slot::pid_for_children, initial(NST_ns_type_pid)); },
     .evidence = {NST_KIND_ns_switch},
     .by_model = true},
    {.name = "ASwitchToASibling",
     .rule = "NSP6",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
             s.fork({.tid = 101, .flags = CLONE_NEWPID});
         },
     .broken = [](Script& s) { s.setns(100, Slot::pid_for_children, s.of(101).ns.pid); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_ns_switch}},
    {.name = "ToldByAnExec",
     .rule = "NSP6",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken =
         [](Script& s) {
             s.silent_setns(100, Slot::pid_for_children, initial(NST_ns_type_pid));
             s.exec(100, "true");
         },
     .evidence = {NST_KIND_task_exec},
     .by_model = true},
    {.name = "ToldByABirth",
     .rule = "NSP6",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>(
                 [](nst_task_new& e) { e.ns.pid_for_children = initial(NST_ns_type_pid); });
             s.fork({.tid = 101, .parent = 100});
         },
     .evidence = {NST_KIND_task_new},
     .by_model = true},
};
NST_BREACHES(Below, below);

}  // namespace
}  // namespace nstrail::test
