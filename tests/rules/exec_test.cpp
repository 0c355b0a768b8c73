// SPDX-License-Identifier: Apache-2.0
// EXE, and what an exec by a thread that is not the leader means to other rules.
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

/// The next exec is told as of another tid before.
void was(Script& s, std::uint32_t tid) {
    s.spoil<nst_task_exec>([tid](nst_task_exec& e) { e.old_tid = tid; });
}

TEST(Exec, ByALeader) {
    Script s;
    s.fork({.tid = 100});
    s.exec(100, "true");
    s.die(100);
    EXPECT_TRUE(holds(s, {"NSP2", "NSP3", "NSP4"}));
    EXPECT_EQ(count_of(s.checker, "EXE").checked, 0U) << "its tid is the same";
}

TEST(Exec, ByAnotherThread) {
    Script s;
    s.fork({.tid = 100});
    s.thread(101, 100);
    s.zombie(100);
    s.exchange(101);
    s.release(101);  // the old leader, with the thread's tid
    was(s, 101);
    s.exec(100, "true");
    s.task_free(101);
    s.die(100);
    EXPECT_TRUE(holds(s, {"EXE", "REL1", "REL2", "REL3", "REL5", "PID3"}));
    EXPECT_EQ(count_of(s.checker, "EXE").checked, 1U);
}

TEST(Exec, ByAThreadOfWhichNothingWasTold) {
    Script s;
    s.exists({.tid = 100});
    was(s, 101);
    s.exec(100, "true");
    EXPECT_TRUE(holds(s, {})) << "the exchange may have been before the trace";
    EXPECT_EQ(count_of(s.checker, "EXE").checked, 0U);
}

const std::vector<Breach> execs = {
    {.name = "NoExchangeSinceItsBirth",
     .rule = "EXE",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             was(s, 101);
             s.exec(100, "true");
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_exec}},
    {.name = "NoExchangeSinceItsLastStep",
     .rule = "EXE",
     .before =
         [](Script& s) {
             s.exists({.tid = 100});
             s.exec(100, "sh");
         },
     .broken =
         [](Script& s) {
             was(s, 101);
             s.exec(100, "true");
         },
     .evidence = {NST_KIND_task_exec, NST_KIND_task_exec}},
    {.name = "OneExchangeForTwoExecs",
     .rule = "EXE",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.thread(101, 100);
             s.zombie(100);
             s.exchange(101);
             s.release(101);
             was(s, 101);
             s.exec(100, "true");
         },
     .broken =
         [](Script& s) {
             was(s, 101);
             s.exec(100, "true");
         },
     .evidence = {NST_KIND_task_new, NST_KIND_task_exec}},
};
NST_BREACHES(Exec, execs);

}  // namespace
}  // namespace nstrail::test
