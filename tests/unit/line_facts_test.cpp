// SPDX-License-Identifier: Apache-2.0
// What a filter asks of events and findings, answered from scripts.
#include "sink/line_facts.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "unit/script.hpp"

namespace nstrail::test {
namespace {

/// Truths of expressions about the latest event of a script.
class Asked {
public:
    explicit Asked(Script& script) : script_(script), besides_(script.world) {}

    [[nodiscard]] Truth operator()(const std::string& expression) {
        const auto filter = parse_filter(expression);
        EXPECT_TRUE(filter) << expression << ": " << filter.error().line();
        const Event event = *script_.events().back().event();
        return filter->evaluate(LineFacts(besides_, event, script_.last));
    }
    void yes(const std::string& expression) {
        EXPECT_EQ((*this)(expression), Truth::yes) << expression;
    }
    void no(const std::string& expression) {
        EXPECT_EQ((*this)(expression), Truth::no) << expression;
    }
    void unknown(const std::string& expression) {
        EXPECT_EQ((*this)(expression), Truth::unknown) << expression;
    }

private:
    Script& script_;
    Besides besides_;
};

std::string is(const char* field, std::uint32_t number) {
    return std::string(field) + "=" + std::to_string(number);
}

TEST(LineFacts, OfATaskFromBirthToRelease) {
    Script s;
    Asked ask(s);
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWNET, .comm = "first"});
    const std::uint32_t inner = s.of(100).ns.pid;
    const std::uint32_t net = s.of(100).ns.net;
    ask.yes("kind=task_new and tid=100 and tgid=100 and comm=first and nr=1 and level=1");
    ask.yes("actor_tid=1 and ppid=1");
    ask.yes(is("pid", inner) + " and " + is("pid_for_children", inner) + " and " + is("net", net));
    ask.yes(is("ns", net));
    ask.no(is("pid", pid0));
    ask.yes("pid!=" + std::to_string(pid0));
    ask.no(is("ns", net0));
    ask.unknown("exe~*");
    ask.unknown("container");

    s.exec(100, "second");
    ask.yes("kind=task_exec and comm=second and " + is("net", net));
    s.rename(100, "third");
    ask.yes("comm=third and nr=1 and level=1 and " + is("pid", inner));
    ask.no("comm=second");
    s.exit(100);
    ask.yes("kind=task_exit and comm=third and " + is("net", net));
    s.leave(100);
    ask.yes("kind=ns_switch and " + is("net", net) + " and net!=" + std::to_string(net0));
    s.task_release(100);
    ask.yes("kind=task_release and comm=third and nr=1 and " + is("pid", inner) + " and " +
            is("user", user0));
    ask.unknown(is("net", net));  // its nsproxy is NULL
}

TEST(LineFacts, OfAReducedModeReleaseAreTheNamespacesThatTheTaskHad) {
    Script s(reduced_hooks);
    Asked ask(s);
    s.fork({.tid = 100, .comm = "reduced"});
    s.die(100);
    ask.yes("kind=task_free and tid=100 and " + is("pid", pid0));
}

TEST(LineFacts, ASwitchIsAboutWhatIsLeftAndWhatIsEntered) {
    Script s;
    Asked ask(s);
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWNET);
    const std::uint32_t net = s.of(100).ns.net;
    ask.yes("kind=ns_switch and via=switched");
    ask.yes(is("net", net));
    ask.yes(is("net", net0));
    ask.no("net=7");
    ask.no("net!=" + std::to_string(net0));
    s.unshare(100, CLONE_NEWPID);
    ask.yes(is("pid", pid0) + " and " + is("pid_for_children", s.of(100).ns.pid_for_children));
    ask.no(is("pid", s.of(100).ns.pid_for_children));
    s.unshare(100, CLONE_NEWTIME);
    ask.yes(is("time", time0) + " and " + is("time_for_children", s.of(100).ns.time_for_children));
}

TEST(LineFacts, ASwitchWhoseBeforeIsNotKnownIsNotDifferentFromAnything) {
    Script s(reduced_hooks | bit(NST_HOOK_sys_exit));
    Asked ask(s);
    s.fork({.tid = 100});
    nst_ns_switch e{};
    e.task = s.of(100).ref;
    e.actor_key = e.task.key;
    e.actor_tid = 100;
    e.via = NST_switch_via_syscall;
    e.after = s.of(100).ns;
    e.after.nsproxy = 0xB000;
    e.after.net = 4026532999;
    s.emit(e);
    ask.yes("net=4026532999");
    ask.unknown("net=7");
    ask.unknown("net!=7");
    ask.no("user=7");  // not of the nsproxy
}

TEST(LineFacts, EventsAboutANamespaceItself) {
    Script s;
    Asked ask(s);
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    s.facts(inner);
    ask.yes("kind=namespace and type=pid and level=1 and " + is("pid", inner) + " and " +
            is("ns", inner));
    ask.no(is("pid", pid0));
    ask.unknown(is("net", net0));
    ask.unknown("comm=init");
    ask.unknown("tid=100");
    s.free_entry(inner);
    ask.yes("kind=inum_free and " + is("pid", inner) + " and " + is("ns", inner));
    ask.no("pid=7");
    s.free_exit(inner);
    ask.yes(is("ns", inner));
    ask.unknown(is("pid", inner));  // its type was gone with it
}

TEST(LineFacts, NumbersThatAreGivenAndTakenBack) {
    Script s;
    Asked ask(s);
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const std::uint32_t inner = s.of(100).ns.pid;
    const nst_pid_request given[] = {
        {.pid_namespace = pid0, .nr = 200, .asked = 0, .last_pid = 200},
        {.pid_namespace = inner, .nr = 7, .asked = 0, .last_pid = 7}};
    s.alloc_pid(100, given);
    ask.yes("tid=100 and tid=200 and actor_tid=100 and nr=7 and level=1 and error=0");
    ask.yes(is("pid", inner));
    s.alloc_pid_fails(1, 11);
    ask.yes("error=EAGAIN and tid=1");
    ask.unknown("nr=1");
}

TEST(LineFacts, ALostReleaseIsToldOfTheTaskThatWas) {
    Script s;
    s.fork({.tid = 100, .comm = "lost"});
    const TaskRecord gone = *s.world.find_task(100);
    s.task_release(100);
    nst_task_release e{};
    e.header.kind = NST_KIND_task_release;
    e.task = s.events().back().event()->as<nst_task_release>().task;
    e.via = NST_release_via_resync;
    const EventBuffer buffer = EventBuffer::make(e);
    Change change;
    change.released = gone;
    Besides besides(s.world);
    const Event event = *buffer.event();
    const LineFacts line(besides, event, change);
    EXPECT_TRUE(parse_filter("via=resync and comm=lost and " + is("pid", pid0))->matches(line));
    EXPECT_EQ(parse_filter(is("net", net0))->evaluate(line), Truth::unknown);
    EXPECT_EQ(parse_filter("container or exe=x")->evaluate(line), Truth::unknown);
}

TEST(LineFacts, AContainerIsKnownByItsCgroupUntilTheRelease) {
    const std::string id(64, 'a');
    Script s;
    Asked ask(s);
    const auto cgroup = [&](std::uint64_t number, std::uint64_t parent, const std::string& name) {
        nst_cgroup e{};
        e.id = number;
        e.parent = parent;
        e.what = NST_cgroup_what_made;
        name.copy(e.name, sizeof(e.name) - 1);
        s.emit(e);
    };
    cgroup(1, 0, "");
    cgroup(2, 1, "system.slice");
    cgroup(3, 2, "docker-" + id + ".scope");
    s.fork({.tid = 100});
    nst_task_cgroup move{};
    move.task = s.of(100).ref;
    move.whole = 1;
    move.cgroup = 2;
    s.emit(move);
    ask.yes("not container and container=null and container!=" + id);
    move.cgroup = 3;
    s.emit(move);
    ask.yes("kind=task_cgroup and container and runtime=docker and container=" + id);
    ask.yes("container ~ aaaa*");
    s.rename(100, "x");
    ask.yes("container=" + id);
    s.zombie(100);
    s.task_release(100);
    ask.yes("kind=task_release and container=" + id);
    s.task_free(100);
    ask.unknown("container");
}

TEST(LineFacts, OfAFinding) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWNET, .comm = "victim"});
    Besides besides(s.world);
    Finding finding;
    finding.rule = "NSP1";
    finding.task = s.of(100).ref;
    finding.comm = "victim";
    finding.ns_type = NST_ns_type_uts;
    finding.ns_inum = 4026532777;
    const LineFacts line(besides, finding);
    for (const std::string& expression :
         {std::string("finding"), std::string("finding=any"), std::string("finding in (NSP1,PID1)"),
          std::string("kind=finding"), std::string("comm=victim and tid=100 and not notable"),
          is("uts", 4026532777), is("ns", 4026532777), is("net", s.of(100).ns.net),
          std::string("via=null")}) {
        EXPECT_EQ(parse_filter(expression)->evaluate(line), Truth::yes) << expression;
    }
    EXPECT_EQ(parse_filter("finding=PID1 or kind=mark")->evaluate(line), Truth::no);
    EXPECT_EQ(parse_filter("exit_code=0")->evaluate(line), Truth::unknown);
    Remark remark;
    remark.what = Notable::stuck;
    remark.container = "web";
    const LineFacts noticed(besides, remark);
    EXPECT_TRUE(parse_filter("notable=stuck and container=web and not finding")->matches(noticed));
}

TEST(LineFacts, WhatSaysThatEventsAreMissingAlwaysPasses) {
    Script s;
    Besides besides(s.world);
    const std::optional<Filter> nothing = *parse_filter("tid=1 and tid=2");
    const auto passes = [&] {
        return wanted(nothing, besides, *s.events().back().event(), s.last);
    };
    s.gap(3);
    EXPECT_TRUE(passes());
    s.session(full_hooks);
    EXPECT_TRUE(passes());
    s.audited();
    EXPECT_FALSE(passes());
    s.fork({.tid = 100});
    EXPECT_FALSE(passes());
    EXPECT_TRUE(wanted(std::nullopt, besides, *s.events().back().event(), s.last));
}

}  // namespace
}  // namespace nstrail::test
