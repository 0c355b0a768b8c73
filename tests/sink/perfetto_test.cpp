// SPDX-License-Identifier: Apache-2.0
// Lives and what happens in them, as slices and instants of the trace-event format.
#include "sink/perfetto.hpp"

#include <algorithm>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "sink/line_facts.hpp"
#include "support/trace.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

std::string text_of_trace(const std::vector<EventBuffer>& events, PerfettoOptions options = {}) {
    World world;
    Checker checker(world);
    Perfetto perfetto(world, checker, std::move(options));
    for (const EventBuffer& buffer : events) {
        const Event event = *buffer.event();
        const Change change = checker.apply(event);
        perfetto.take(event, change, event.boot_ns());
    }
    checker.finish();
    perfetto.finish(true);
    return {perfetto.out().data(), perfetto.out().size()};
}

Trace trace_of(const Script& script, PerfettoOptions options = {}) {
    return checked_trace(text_of_trace(script.events(), std::move(options)));
}

std::vector<std::string> names(const std::vector<json>& events) {
    std::vector<std::string> all;
    all.reserve(events.size());
    for (const json& event : events) {
        all.push_back(event["name"]);
    }
    return all;
}

std::uint64_t last_ns(const Script& script) {
    return script.events().back().event()->boot_ns();
}

std::int64_t end_of(const json& slice) {
    return ns_of(slice["ts"]) + ns_of(slice["dur"]);
}

TEST(PerfettoTasks, ALifeHasAZombiesTimeWithinIt) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    s.exec(100, "sleep");
    s.exit(100, {.code = 7 << 8});
    const std::uint64_t exited = last_ns(s);
    s.leave(100);
    const std::uint64_t left = last_ns(s);
    s.fork({.tid = 101});
    s.release(100);
    const Trace trace = trace_of(s);
    const json life = trace.only("task", "sleep 100");
    EXPECT_EQ(life["name"], "sleep");
    EXPECT_EQ(life["args"]["begin"], "seen");
    EXPECT_EQ(life["args"]["end"], "seen");
    EXPECT_EQ(life["args"]["exit_code"], 7 << 8);
    EXPECT_EQ(life["args"]["first_name"], "sh");
    EXPECT_EQ(trace.process(life), "pid:[4026531828], level 0");
    const auto phases = trace.within(life);
    ASSERT_EQ(names(phases), (std::vector<std::string>{"exiting", "zombie"}));
    EXPECT_EQ(ns_of(phases[0]["ts"]), exited);
    EXPECT_EQ(end_of(phases[0]), left);
    EXPECT_EQ(ns_of(phases[1]["ts"]), left);
    EXPECT_EQ(end_of(phases[1]), end_of(life));
    EXPECT_EQ(names(trace.of('i', "task")), (std::vector<std::string>{"exec sleep"}));
    EXPECT_EQ(trace.of('s', "task").size(), 2U) << "one arrow for each birth";
}

TEST(PerfettoTasks, AReusedTidIsAnotherRow) {
    Script s;
    s.fork({.tid = 100, .comm = "one"});
    s.die(100);
    s.fork({.tid = 100, .comm = "two"});
    s.die(100);
    const Trace trace = trace_of(s);
    const json one = trace.only("task", "one 100");
    const json two = trace.only("task", "two 100");
    EXPECT_NE(one["tid"], two["tid"]);
    EXPECT_EQ(one["pid"], two["pid"]);
    EXPECT_LE(end_of(one), ns_of(two["ts"]));
}

TEST(PerfettoTasks, AReusedTidWhoseReleaseWasLostIsAnotherRow) {
    Script s;
    s.fork({.tid = 100, .comm = "one"});
    const std::uint64_t told = last_ns(s);
    s.forget(100);
    s.gap(3);
    s.fork({.tid = 100, .comm = "two"});
    const Trace trace = trace_of(s);
    const json one = trace.only("task", "one 100");
    EXPECT_EQ(one["args"]["end"], "unknown");
    EXPECT_EQ(one["args"]["last_told_boot_ns"], told);
    const auto doubt = trace.within(one);
    ASSERT_EQ(names(doubt), (std::vector<std::string>{"may be gone"}));
    EXPECT_EQ(ns_of(doubt[0]["ts"]), told);
    EXPECT_EQ(trace.only("task", "two 100")["args"]["begin"], "seen");
}

TEST(PerfettoTasks, WhoWasThereBeforeAndWhoIsThereAtTheEndSaySo) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    const Trace trace = trace_of(s);
    const json init = trace.only("task", "init 1");
    EXPECT_EQ(init["args"]["begin"], "before");
    EXPECT_EQ(init["args"]["end"], "alive");
    EXPECT_EQ(ns_of(init["ts"]), s.events().front().event()->boot_ns());
    EXPECT_EQ(end_of(init), last_ns(s));
    const json child = trace.only("task", "sh 100");
    EXPECT_EQ(child["args"]["begin"], "seen");
    EXPECT_EQ(child["args"]["end"], "alive");
    EXPECT_FALSE(child["args"].contains("exit_code"));
}

TEST(PerfettoTasks, AfterALossASnapshotTellsWhoCameAndWent) {
    Script s;
    s.fork({.tid = 100, .comm = "gone"});
    s.fork({.tid = 101, .comm = "stays"});
    s.gap(5);
    s.forget(100);
    s.exists({.tid = 102, .comm = "new"});
    const std::uint64_t born = last_ns(s) + 10;
    s.change(102).ref.start_boottime_ns = born;
    s.snapshot(2);
    s.fork({.tid = 103});
    const Trace trace = trace_of(s);
    EXPECT_EQ(trace.only("task", "gone 100")["args"]["end"], "unknown");
    EXPECT_EQ(trace.only("task", "stays 101")["args"]["end"], "alive");
    const json found = trace.only("task", "new 102");
    EXPECT_EQ(found["args"]["begin"], "found later");
    EXPECT_EQ(ns_of(found["ts"]), born);
    const auto losses = trace.of('i', "loss");
    ASSERT_EQ(names(losses), (std::vector<std::string>{"5 events lost (ring)"}));
    EXPECT_EQ(losses[0]["s"], "g");
    EXPECT_EQ(losses[0]["args"]["lost"], 5);
    // The first snapshot, and that after the loss.
    EXPECT_EQ(trace.of('i', "resync").size(), 2U);
    EXPECT_EQ(trace.of('X', "doubt").size(), 2U);
    EXPECT_EQ(trace.other()["lost"], 5);
    EXPECT_EQ(trace.other()["certain"], true);
}

TEST(PerfettoTasks, AfterALossThatNothingMadeUpForNobodyIsSurelyAlive) {
    Script s;
    s.fork({.tid = 100, .comm = "before"});
    s.gap(1);
    s.fork({.tid = 101, .comm = "after"});
    const Trace trace = trace_of(s);
    EXPECT_EQ(trace.only("task", "before 100")["args"]["end"], "unknown");
    EXPECT_EQ(trace.only("task", "after 101")["args"]["end"], "alive");
    EXPECT_EQ(trace.other()["certain"], false);
}

TEST(PerfettoTasks, AReleaseOfWhichOnlyTheFreeWasSeenIsNotKnown) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    s.zombie(100);
    s.swallow<nst_task_release>();
    s.release(100);
    s.task_free(100);
    const Trace trace = trace_of(s);
    const json life = trace.only("task", "sh 100");
    EXPECT_EQ(life["args"]["end"], "unknown");
    EXPECT_EQ(names(trace.within(life)),
              (std::vector<std::string>{"exiting", "zombie", "may be gone"}));
}

TEST(PerfettoTasks, AThreadThatExecsTakesItsLeadersTidAndKeepsItsRow) {
    Script s;
    s.fork({.tid = 100, .comm = "app"});
    s.thread(101, 100);
    s.zombie(100, {.last = false});
    s.exchange(101);
    s.exec(100, "new");
    const Trace trace = trace_of(s);
    const json life = trace.only("task", "new 100");
    EXPECT_EQ(life["args"]["end"], "alive");
    EXPECT_EQ(trace.only("task", "app 101")["args"]["end"], "alive") << "the old leader, a zombie";
}

TEST(PerfettoTasks, AfterALossTheKeyOfOneMayBeAnothers) {
    Script s;
    s.fork({.tid = 100, .comm = "gone"});
    const std::uint64_t key = s.of(100).ref.key;
    s.gap(9);
    s.forget(100);
    s.exists({.tid = 101, .comm = "other", .key = key});
    s.change(101).ref.start_boottime_ns = last_ns(s);
    s.exec(101, "other");
    s.snapshot(2);
    const Trace trace = trace_of(s);
    EXPECT_EQ(trace.only("task", "gone 100")["args"]["end"], "unknown");
    EXPECT_EQ(trace.only("task", "other 101")["args"]["begin"], "found later");
}

TEST(PerfettoTasks, GoOnInAnotherSession) {
    Script s;
    s.fork({.tid = 100, .comm = "stays"});
    s.fork({.tid = 101, .comm = "gone"});
    s.forget(101);
    s.session(full_hooks);
    s.snapshot(1);
    s.die(100);
    const Trace trace = trace_of(s);
    const json life = trace.only("task", "stays 100");
    EXPECT_EQ(life["args"]["begin"], "seen");
    EXPECT_EQ(life["args"]["end"], "seen");
    EXPECT_EQ(trace.process(life), trace.process(trace.only("task", "init 1")));
    EXPECT_EQ(trace.only("task", "gone 101")["args"]["end"], "unknown");
}

TEST(PerfettoTasks, GoOnInASessionThatContinues) {
    Script s;
    s.session(full_hooks, 7);
    s.snapshot(1);
    s.fork({.tid = 100, .comm = "stays"});
    s.session(full_hooks, 8, 7);
    s.die(100);
    const Trace trace = trace_of(s);
    EXPECT_EQ(trace.only("task", "stays 100")["args"]["end"], "seen");
    EXPECT_EQ(names(trace.of('i', "session")), (std::vector<std::string>{"another session"}));
}

TEST(PerfettoTasks, LiveInTheRowsOfTheirPidNamespace) {
    Script s;
    const TrueTask& init = s.fork({.tid = 100, .flags = CLONE_NEWPID, .comm = "init"});
    const std::uint32_t inner = init.ns.pid;
    s.fork({.tid = 101, .parent = 100, .comm = "sh"});
    const Trace trace = trace_of(s);
    const json outer = trace.only("task", "init 1");
    const json first = trace.only("task", "init 100, nr 1");
    const json second = trace.only("task", "sh 101, nr 2");
    EXPECT_NE(outer["pid"], first["pid"]);
    EXPECT_EQ(first["pid"], second["pid"]);
    EXPECT_EQ(trace.process(first), fmt::format("pid:[{}], level 1", inner));
    EXPECT_EQ(second["args"]["vpids"][1], (json{{"pid_namespace", inner}, {"nr", 2}}));
    const auto clones = trace.of('i', "switch");
    ASSERT_EQ(names(clones), (std::vector<std::string>{"clone: pid_for_children, pid"}));
    EXPECT_EQ(clones[0]["args"]["after"]["pid"], inner);
}

TEST(PerfettoSwitches, AreToldApart) {
    Script s;
    s.fork({.tid = 100, .comm = "a"});
    s.fork({.tid = 101, .comm = "b"});
    s.unshare(100, CLONE_NEWNET | CLONE_NEWUTS);
    const std::uint32_t net = s.of(100).ns.net;
    s.setns(101, Slot::net, net);
    s.setns(100, Slot::net, initial(NST_ns_type_net));
    s.setns(100, Slot::net, net);
    s.die(101);
    const Trace trace = trace_of(s);
    const auto all = trace.of('i', "switch");
    ASSERT_EQ(names(all), (std::vector<std::string>{"unshare: uts, net", "setns: net", "setns: net",
                                                    "setns: net"}));
    EXPECT_EQ(trace.row(all[0]), "a 100");
    EXPECT_EQ(trace.row(all[1]), "b 101");
    EXPECT_EQ(all[0]["args"]["before"]["net"], initial(NST_ns_type_net));
    EXPECT_EQ(all[0]["args"]["after"]["net"], net);
    EXPECT_EQ(all[0]["args"]["exact"], true);
}

TEST(PerfettoNamespaces, HaveLivesOfTheirOwn) {
    Script s;
    s.fork({.tid = 100, .comm = "a"});
    s.unshare(100, CLONE_NEWNET);
    const std::uint32_t net = s.of(100).ns.net;
    s.die(100);
    const std::uint64_t ended_after = last_ns(s);
    s.inum_free(net);
    s.next_inum(net);
    s.fork({.tid = 101, .comm = "b"});
    s.unshare(101, CLONE_NEWNET);
    const Trace trace = trace_of(s);
    const json first = trace.only("namespace", fmt::format("net:[{}]", net));
    EXPECT_EQ(trace.process(first), "net namespaces");
    EXPECT_EQ(first["args"]["begin"], "seen");
    EXPECT_EQ(first["args"]["end"], "seen");
    EXPECT_EQ(first["args"]["creator_tid"], 100);
    EXPECT_GT(end_of(first), ended_after);
    EXPECT_EQ(names(trace.within(first)), (std::vector<std::string>{"without tasks"}));
    const json second = trace.only("namespace", fmt::format("net:[{}] gen 2", net));
    EXPECT_EQ(second["args"]["end"], "alive");
    EXPECT_TRUE(trace.within(second).empty());
    const json host = trace.only("namespace", fmt::format("net:[{}]", initial(NST_ns_type_net)));
    EXPECT_EQ(host["args"]["begin"], "before");
}

TEST(PerfettoNamespaces, AreSaidToDie) {
    Script s;
    const std::uint32_t inner = s.fork({.tid = 100, .flags = CLONE_NEWPID}).ns.pid;
    s.die(100);
    s.inum_free(inner);
    const Trace trace = trace_of(s);
    const json life = trace.only("namespace", fmt::format("pid:[{}]", inner));
    EXPECT_EQ(names(trace.within(life)), (std::vector<std::string>{"dying", "without tasks"}));
}

TEST(PerfettoFindings, AreShownWhereTheyHappened) {
    Script s;
    s.fork({.tid = 100, .comm = "bad"});
    s.zombie(100);
    s.spoil<nst_task_release>([](nst_task_release& e) { e.nsproxy = 0xBAD0; });
    s.release(100);
    s.audited();
    const auto& found = s.checker.findings().findings;
    ASSERT_FALSE(found.empty());
    const Trace trace = trace_of(s);
    const auto shown = trace.of('i', "finding");
    ASSERT_EQ(shown.size(), found.size());
    EXPECT_EQ(shown[0]["name"],
              fmt::format("{} {}", verdict_name(found[0].verdict), found[0].rule));
    EXPECT_EQ(shown[0]["args"]["because"], found[0].because);
    EXPECT_EQ(shown[0]["args"]["tid"], 100);
    EXPECT_EQ(ns_of(shown[0]["ts"]), found[0].at_boot_ns);
    EXPECT_EQ(trace.row(shown[0]), "findings");
    EXPECT_EQ(trace.other()["violations"], s.checker.findings().violations());
}

TEST(PerfettoPart, CutsLivesAtItsBeginning) {
    Script s;
    s.fork({.tid = 100, .comm = "over"});
    s.exec(100, "over");
    s.die(100);
    s.fork({.tid = 101, .comm = "spans"});
    const std::uint64_t begin = last_ns(s) + 1;
    s.fork({.tid = 102, .comm = "in"});
    const Trace trace = trace_of(s, {.begin_ns = begin});
    for (const json& event : trace.document["traceEvents"]) {
        EXPECT_TRUE(event["ph"] == "M" || ns_of(event["ts"]) >= static_cast<std::int64_t>(begin))
            << event;
        EXPECT_NE(event["name"], "over");
    }
    EXPECT_EQ(trace.only("task", "spans 101")["args"]["begin"], "before");
    EXPECT_EQ(trace.only("task", "in 102")["args"]["begin"], "seen");
}

TEST(PerfettoFilter, ShowsLivesOfWhichSomethingMatches) {
    Script s;
    s.fork({.tid = 100, .comm = "a"});
    s.fork({.tid = 101, .comm = "b"});
    s.exec(101, "wanted");
    s.die(101);
    s.gap();
    const Trace trace = trace_of(s, {.filter = *parse_filter("comm=wanted")});
    ASSERT_EQ(trace.of('X', "task").size(), 1U);
    EXPECT_EQ(trace.row(trace.of('X', "task")[0]), "wanted 101");
    EXPECT_EQ(trace.of('i', "loss").size(), 1U) << "no filter takes a loss away";
    EXPECT_TRUE(trace.of('s', "task").empty());
}

/// A document of these events, on a row that has a name.
Trace check(const std::string& events) {
    return checked_trace(
        R"({"traceEvents":[{"ph":"M","pid":1,"tid":2,"ts":0,"name":"process_name","args":{"name":"p"}},)"
        R"({"ph":"M","pid":1,"tid":2,"ts":0,"name":"thread_name","args":{"name":"t"}})" +
        events + "]}");
}

TEST(TraceCheck, FindsWhatAViewerWouldNotTake) {
    static const std::string outer =
        R"(,{"ph":"X","pid":1,"tid":2,"ts":1.000,"dur":5.000,"cat":"c","name":"n","args":{}})";
    EXPECT_EQ(check(outer).of('X', "c").size(), 1U);
    EXPECT_NONFATAL_FAILURE(
        check(outer +
              R"(,{"ph":"X","pid":1,"tid":2,"ts":2,"dur":5,"cat":"c","name":"n","args":{}})"),
        "partly within");
    EXPECT_NONFATAL_FAILURE(
        check(R"(,{"ph":"X","pid":1,"tid":2,"ts":2,"dur":-1,"cat":"c","name":"n","args":{}})"),
        "dur");
    EXPECT_NONFATAL_FAILURE(
        check(R"(,{"ph":"i","s":"t","pid":1,"tid":3,"ts":2,"cat":"c","name":"n","args":{}})"),
        "3 has no name");
    EXPECT_NONFATAL_FAILURE(
        check(outer + R"(,{"ph":"s","pid":1,"tid":2,"ts":2,"id":1,"name":"n"})"), "half an arrow");
    EXPECT_NONFATAL_FAILURE((void)checked_trace(R"({"traceEvents":[)"), "no document");
}

TEST(PerfettoDocument, IsOneWhateverTheStream) {
    EXPECT_TRUE(checked_trace(text_of_trace({})).of('X', "task").empty());
    Script s;
    s.fork({.tid = 100, .comm = "q\"\\\n\xff"});
    s.unshare(100, CLONE_NEWUSER);
    const std::string once = text_of_trace(s.events());
    EXPECT_EQ(text_of_trace(s.events()), once);
    EXPECT_EQ(checked_trace(once).other()["schema"], "nstrail.perfetto/1");
    // However early it ends.
    for (std::size_t cut = 1; cut < s.events().size(); cut++) {
        const auto events =
            std::vector(s.events().begin(), s.events().begin() + static_cast<std::ptrdiff_t>(cut));
        EXPECT_EQ(checked_trace(text_of_trace(events)).document["displayTimeUnit"], "ns");
    }
}

}  // namespace
}  // namespace nstrail::test
