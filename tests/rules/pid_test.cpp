// SPDX-License-Identifier: Apache-2.0
// PID1 to PID5, PID8: struct pids and their numbers.
#include "rules/breach.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint32_t init_pid_ns = initial(NST_ns_type_pid);

/// alloc_pid of one number in the initial namespace, and what its struct pid is called.
std::uint64_t allocate(Script& s, std::uint32_t actor, std::uint32_t nr) {
    const nst_pid_request number{.pid_namespace = init_pid_ns, .nr = nr, .asked = 0, .last_pid = 0};
    return s.alloc_pid(actor, std::span(&number, 1));
}

void give_back(Script& s, std::uint64_t key, std::uint32_t actor, std::uint32_t nr) {
    const nst_pid_nr number{.pid_namespace = init_pid_ns, .nr = nr};
    s.emit(nst_free_pid{.header = {}, .pid_key = key, .levels = 1, .actor_tid = actor},
           std::span(&number, 1));
}

/// The struct pid of what was allocated last.
std::uint64_t last_pid_key(const Script& s) {
    std::uint64_t key = 0;
    for (const EventBuffer& buffer : s.events()) {
        if (buffer.event()->kind() == NST_KIND_alloc_pid) {
            key = buffer.event()->as<nst_alloc_pid>().pid_key;
        }
    }
    return key;
}

TEST(Numbers, AreUsedAgain) {
    Script s;
    s.fork({.tid = 100});
    s.die(100);
    s.fork({.tid = 100});
    s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
    s.die(101);
    s.die(100);
    EXPECT_TRUE(holds(s, {"PID1", "PID2", "PID3", "PID4", "PID5"}));
}

TEST(Numbers, AreKeptByASessionAfterTheirTask) {
    Script s;
    s.fork({.tid = 100});
    const std::uint64_t key = last_pid_key(s);
    s.zombie(100);
    s.swallow<nst_free_pid>();
    s.release(100);
    s.task_free(100);
    s.fork({.tid = 101});
    give_back(s, key, 101, 100);  // by setsid of the last that was in it
    s.fork({.tid = 100});
    EXPECT_TRUE(holds(s, {"PID1", "PID3", "PID4", "REL3"}));
}

TEST(Numbers, OfASessionFromBeforeTheTraceAreFreed) {
    Script s;
    give_back(s, 0x5E55, 1, 50);
    EXPECT_TRUE(holds(s, {}));
    EXPECT_EQ(count_of(s.checker, "PID3").checked, 0U);
}

TEST(Allocations, LeadToAFreeWhereTheForkFails) {
    Script s;
    s.fork({.tid = 100});
    give_back(s, allocate(s, 100, 101), 100, 101);
    s.fork({.tid = 102, .parent = 100});
    s.alloc_pid_fails(100, 11);
    s.fork({.tid = 103, .parent = 100});
    s.die(100);
    EXPECT_TRUE(holds(s, {"PID1", "PID3", "PID4"}));
}

TEST(Allocations, ThatFailLateFreeWhatNobodyWasTold) {
    Script s;
    s.fork({.tid = 100});
    s.fork({.tid = 101});
    const std::uint64_t key = last_pid_key(s);
    s.die(101);
    give_back(s, key, 100, 102);  // in the memory of the one before, by an alloc_pid that fails
    s.alloc_pid_fails(100, 12);
    EXPECT_TRUE(holds(s, {"PID1", "PID3", "PID4"}));
}

TEST(Allocations, MayHaveBeenBeforeTheTraceForOneBirth) {
    Script s;
    s.task_new({.tid = 100, .parent = 1});
    s.fork({.tid = 101, .parent = 1});
    EXPECT_TRUE(holds(s, {"PID4"}));
}

TEST(Allocations, WhileAnInitExitsAreInNoOrder) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101});
    s.setns(101, Slot::pid_for_children, s.of(100).ns.pid);
    s.exit(100);
    s.leave(100);
    s.fork({.tid = 102, .parent = 101});
    s.die(102);
    s.release(100);
    s.task_free(100);
    EXPECT_TRUE(holds(s, {"PID8", "REL6"}));
}

const std::vector<Breach> numbers = {
    {.name = "GivenTwice",
     .rule = "PID1",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken = [](Script& s) { allocate(s, 100, 100); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_alloc_pid}},
    {.name = "TheSameStructPid",
     .rule = "PID1",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken =
         [](Script& s) {
             const std::uint64_t key = last_pid_key(s);
             s.spoil<nst_alloc_pid>([key](nst_alloc_pid& e) { e.pid_key = key; });
             allocate(s, 100, 101);
         },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_alloc_pid}},
    {.name = "GivenInAnInnerNamespace",
     .rule = "PID1",
     .before = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID}); },
     .broken = [](Script& s) { s.fork({.tid = 101, .parent = 100, .nr = 1}); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_alloc_pid}},
    {.name = "FreedTwice",
     .rule = "PID3",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.die(100);
         },
     .broken = [](Script& s) { give_back(s, last_pid_key(s), 1, 100); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_free_pid, NST_KIND_free_pid}},
    {.name = "OneFromBeforeFreedTwice",
     .rule = "PID3",
     .before = [](Script& s) { give_back(s, 0x5E55, 1, 50); },
     .broken = [](Script& s) { give_back(s, 0x5E55, 1, 50); },
     .evidence = {NST_KIND_free_pid, NST_KIND_free_pid}},
    {.name = "FreedOtherNumbers",
     .rule = "PID3",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             s.zombie(100);
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_free_pid, nst_pid_nr>(
                 [](nst_free_pid& /*e*/, std::span<nst_pid_nr> tail) { tail[0].nr++; });
             s.release(100);
         },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_free_pid}},
};
NST_BREACHES(Numbers, numbers);

const std::vector<Breach> vectors = {
    {.name = "Empty",
     .rule = "PID2",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             nst_alloc_pid event{};
             event.actor = s.of(1).ref;
             event.pid_key = 0xB1D;
             event.pid_namespace = init_pid_ns;
             s.emit(event);
         },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "EndsElsewhere",
     .rule = "PID2",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_alloc_pid>([](nst_alloc_pid& e) { e.pid_namespace++; });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "NumberZero",
     .rule = "PID2",
     .before = [](Script& /*s*/) {},
     .broken = [](Script& s) { allocate(s, 1, 0); },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "NegativeNumber",
     .rule = "PID2",
     .before = [](Script& /*s*/) {},
     .broken = [](Script& s) { allocate(s, 1, 0x80000001); },
     .evidence = {NST_KIND_alloc_pid}},
    {.name = "BornElsewhere",
     .rule = "PID2",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.ns.pid++; });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_task_new}},
    {.name = "NotItsAncestors",
     .rule = "PID2",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
         },
     .broken =
         [](Script& s) {
             s.spoil<nst_alloc_pid, nst_pid_request>(
                 [](nst_alloc_pid& /*e*/, std::span<nst_pid_request> tail) {
                     tail[1].pid_namespace = tail[0].pid_namespace;
                 });
             s.fork({.tid = 102, .parent = 101});
         },
     .evidence = {NST_KIND_alloc_pid},
     .by_model = true},
    {.name = "ALevelIsMissing",
     .rule = "PID2",
     .before =
         [](Script& s) {
             s.fork({.tid = 100, .flags = CLONE_NEWPID});
             s.fork({.tid = 101, .parent = 100, .flags = CLONE_NEWPID});
         },
     .broken =
         [](Script& s) {
             std::vector<nst_pid_nr>& vpids = s.change(101).vpids;
             vpids.erase(vpids.begin() + 1);
             s.tell_birth(s.of(101), {.tid = 101, .parent = 100});
         },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_task_new}},
};
NST_BREACHES(Vectors, vectors);

const std::vector<Breach> allocations = {
    {.name = "AllocatedAnother",
     .rule = "PID4",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             allocate(s, 100, 101);
         },
     .broken = [](Script& s) { allocate(s, 100, 102); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_alloc_pid}},
    {.name = "GaveBirthWithoutOne",
     .rule = "PID4",
     .before = [](Script& s) { s.fork({.tid = 100}); },
     .broken = [](Script& s) { s.task_new({.tid = 101, .parent = 100}); },
     .evidence = {NST_KIND_task_new, NST_KIND_task_new}},
    {.name = "GaveBirthWithoutOneAfterAnExec",
     .rule = "PID4",
     .before =
         [](Script& s) {
             s.exists({.tid = 100});
             s.exec(100, "sh");
         },
     .broken = [](Script& s) { s.task_new({.tid = 101, .parent = 100}); },
     .evidence = {NST_KIND_task_exec, NST_KIND_task_new}},
    {.name = "BornWithAnotherStructPid",
     .rule = "PID4",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new>([](nst_task_new& e) { e.pid_key = 0xB1D; });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_task_new}},
    {.name = "BornWithOtherNumbers",
     .rule = "PID4",
     .before = [](Script& /*s*/) {},
     .broken =
         [](Script& s) {
             s.spoil<nst_task_new, nst_pid_nr>(
                 [](nst_task_new& /*e*/, std::span<nst_pid_nr> tail) { tail[0].nr++; });
             s.fork({.tid = 100});
         },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_task_new}},
    {.name = "FreedByAnother",
     .rule = "PID4",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             allocate(s, 100, 101);
         },
     .broken = [](Script& s) { give_back(s, last_pid_key(s), 1, 101); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_free_pid}},
    {.name = "ExitsInBetween",
     .rule = "PID4",
     .before =
         [](Script& s) {
             s.fork({.tid = 100});
             allocate(s, 100, 101);
         },
     .broken = [](Script& s) { s.exit(100); },
     .evidence = {NST_KIND_alloc_pid, NST_KIND_task_exit}},
    {.name = "TheFirstIsNotOne",
     .rule = "PID5",
     .before = [](Script& /*s*/) {},
     .broken = [](Script& s) { s.fork({.tid = 100, .flags = CLONE_NEWPID, .nr = 2}); },
     .evidence = {NST_KIND_inum_alloc, NST_KIND_alloc_pid}},
};
NST_BREACHES(Allocations, allocations);

/// 101 will have children in the namespace of 100, whose init it was.
void ended(Script& s) {
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 101});
    s.setns(101, Slot::pid_for_children, s.of(100).ns.pid);
    s.die(100);
}

const std::vector<Breach> dead = {
    {.name = "ANumberWasGiven",
     .rule = "PID8",
     .before = ended,
     .broken = [](Script& s) { s.fork({.tid = 102, .parent = 101, .nr = 3}); },
     .evidence = {NST_KIND_task_release, NST_KIND_alloc_pid}},
    {.name = "ATaskWasBorn",
     .rule = "PID8",
     .before =
         [](Script& s) {
             ended(s);
             // Of a fork under way when the init was released: its number had been given before.
         },
     .broken = [](Script& s) { s.task_new({.tid = 102, .parent = 101}); },
     .evidence = {NST_KIND_task_release, NST_KIND_task_new}},
};
NST_BREACHES(Dead, dead);

}  // namespace
}  // namespace nstrail::test
