// SPDX-License-Identifier: Apache-2.0
// Handles: what they say while a task lives, once it is gone, and after the World went on.
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "model/set_tid.hpp"
#include "support/summary.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

TEST(Handles, HaveNoPidNamespaceAfterRelease) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID, .comm = "sh"});
    const Task task = *s.task(100);
    const Namespace inner = *task.active_pid_namespace();
    EXPECT_EQ(inner.inum(), s.of(100).ns.pid);
    EXPECT_FALSE(task.released());

    s.zombie(100);
    const Task zombie = task.at(s.world.view());
    EXPECT_EQ(zombie.state(), TaskState::zombie);
    EXPECT_EQ(zombie.active_pid_namespace()->inum(), inner.inum()) << "it has it until its release";
    EXPECT_EQ(zombie.pid_in(inner), 1U);

    s.release(100);
    const Task gone = zombie.at(s.world.view());
    EXPECT_TRUE(gone.released());
    EXPECT_FALSE(gone.active_pid_namespace());
    EXPECT_FALSE(gone.pid_namespace_for_children());
    for (const Slot slot : all_slots) {
        EXPECT_FALSE(gone.ns(slot)) << slot_name(slot);
    }
    EXPECT_EQ(gone.ns(), NsSet{});
    EXPECT_FALSE(gone.has_nsproxy());
    EXPECT_FALSE(gone.pid_in(inner));
    EXPECT_FALSE(gone.tgid_in(inner));
    EXPECT_EQ(gone.comm(), "sh") << "what it was can still be told";
    EXPECT_EQ(gone.tid(), 100U);
    EXPECT_EQ(gone.vpids().size(), 2U);
    EXPECT_TRUE(gone.at(s.world.view()).released());

    EXPECT_EQ(task.active_pid_namespace()->inum(), inner.inum()) << "its View never changes";
    EXPECT_EQ(task.pid_in(inner), 1U);
}

TEST(Handles, AreNotOfTheNextTaskWithTheTid) {
    Script s;
    s.fork({.tid = 100, .comm = "old"});
    const Task old = *s.task(100);
    s.die(100);
    s.fork({.tid = 100, .comm = "new"});
    EXPECT_TRUE(old.at(s.world.view()).released());
    EXPECT_EQ(old.at(s.world.view()).comm(), "old");
    EXPECT_FALSE(s.task(100)->released());
}

TEST(Handles, KeepTheirNamespaceAfterTheWorldWentOn) {
    auto s = std::make_unique<Script>();
    s->fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUTS});
    const Namespace inner = *s->task(100)->active_pid_namespace();
    const std::uint32_t inum = inner.inum();
    s->die(100);
    s->inum_free(inum);
    ASSERT_FALSE(s->ns(inum));
    const auto still_readable = [&] {
        EXPECT_EQ(inner.inum(), inum);
        EXPECT_EQ(inner.type(), NST_ns_type_pid);
        EXPECT_EQ(inner.record().level, 1U);
        EXPECT_EQ(inner.state(), NsState::alive);
        EXPECT_EQ(inner.population().alive(), 1U);
        EXPECT_EQ(inner.reaper()->tid(), 100U);
        EXPECT_EQ(inner.parent()->inum(), pid0);
        EXPECT_EQ(inner.owner()->inum(), user0);
    };
    still_readable();
    const Namespace gone = inner.at(s->world.view());
    EXPECT_TRUE(gone.gone());
    EXPECT_EQ(gone.state(), NsState::gone);
    EXPECT_FALSE(gone.reaper());
    EXPECT_EQ(gone.inum(), inum);
    // The next one with the number is another.
    s->next_inum(inum);
    s->fork({.tid = 101, .flags = CLONE_NEWPID});
    EXPECT_EQ(s->ns(inum)->gen(), inner.gen() + 1);
    EXPECT_TRUE(inner.at(s->world.view()).gone());
    still_readable();
    s.reset();
    still_readable();
}

TEST(Handles, KeepTheirViewAfterTheWorld) {
    std::optional<Task> task;
    {
        Script s;
        s.fork({.tid = 100, .comm = "sh"});
        task = s.task(100);
    }
    EXPECT_EQ(task->comm(), "sh");
    EXPECT_EQ(task->ppid(), 1U);
    EXPECT_EQ(task->active_pid_namespace()->reaper()->tid(), 1U);
}

// -- Numbers.

TEST(PidIn, TellsTheNumberWhereATaskIsVisible) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.fork({.tid = 110, .parent = 100, .nr = 7});
    s.fork({.tid = 120, .parent = 110, .flags = CLONE_NEWPID});
    s.fork({.tid = 200, .flags = CLONE_NEWPID});
    const View view = s.world.view();
    const Namespace top = *view.ns(pid0);
    const Namespace outer = *view.task(110)->active_pid_namespace();
    const Namespace inner = *view.task(120)->active_pid_namespace();
    const Namespace sibling = *view.task(200)->active_pid_namespace();

    EXPECT_EQ(view.task(110)->pid_in(top), 110U);
    EXPECT_EQ(view.task(110)->pid_in(outer), 7U);
    EXPECT_FALSE(view.task(110)->pid_in(inner)) << "below its own nobody sees it";
    EXPECT_FALSE(view.task(110)->pid_in(sibling));

    EXPECT_EQ(view.task(120)->pid_in(top), 120U);
    EXPECT_EQ(view.task(120)->pid_in(outer), 8U);
    EXPECT_EQ(view.task(120)->pid_in(inner), 1U);
    EXPECT_FALSE(view.task(120)->pid_in(sibling));

    EXPECT_FALSE(view.task(1)->pid_in(outer));
    EXPECT_FALSE(view.task(1)->pid_in(*view.ns(uts0))) << "no pid namespace at all";
}

TEST(PidIn, OfThreadsAndTheirGroup) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    s.thread(101, 100);
    const View view = s.world.view();
    const Namespace inner = *view.task(100)->active_pid_namespace();
    EXPECT_EQ(view.task(101)->pid_in(inner), 2U);
    EXPECT_EQ(view.task(101)->tgid_in(inner), 1U);
    EXPECT_EQ(view.task(101)->pid_in(*view.ns(pid0)), 101U);
    EXPECT_EQ(view.task(101)->tgid_in(*view.ns(pid0)), 100U);
    s.zombie(100, {.last = false});
    EXPECT_EQ(s.task(101)->tgid_in(inner), 1U) << "a zombie leader has its number";
    EXPECT_EQ(s.task(100)->tgid_in(inner), 1U);
}

TEST(PidIn, KnowsNothingOfANamespaceThatIsGone) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const Task task = *s.task(100);
    const Namespace first = *task.active_pid_namespace();
    // All its ends were lost but for the namespace's; its number goes out again.
    s.inum_free(first.inum());
    const Task kept = task.at(s.world.view());
    EXPECT_FALSE(kept.active_pid_namespace());
    EXPECT_FALSE(kept.pid_in(first)) << "by the View of the task it is gone";
    EXPECT_EQ(task.pid_in(first), 1U);
    s.next_inum(first.inum());
    s.fork({.tid = 200, .flags = CLONE_NEWPID});
    const Namespace second = *s.task(200)->active_pid_namespace();
    ASSERT_EQ(second.inum(), first.inum());
    EXPECT_EQ(s.task(200)->pid_in(second), 1U);
    EXPECT_FALSE(s.task(200)->pid_in(first)) << "another generation";
    EXPECT_FALSE(s.task(100)->pid_in(second)) << "it was in the one before";
    EXPECT_FALSE(s.task(100)->tgid_in(second));
    EXPECT_EQ(s.task(100)->pid_in(*s.ns(pid0)), 100U);
    EXPECT_EQ(second.state(), NsState::alive);
    s.exit(200);
    EXPECT_EQ(s.ns(second.inum())->state(), NsState::dying) << "nobody else is in it";
}

TEST(PidIn, AsksANamespaceThatSaysItIsGone) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID});
    const Namespace inner = *s.task(100)->active_pid_namespace();
    const Task before = *s.task(100);
    s.die(100);
    s.inum_free(inner.inum());
    EXPECT_FALSE(before.pid_in(inner.at(s.world.view())));
}

// -- Namespaces of a task.

TEST(PidNamespaceForChildren, IsApartFromTheActiveOne) {
    Script s;
    s.fork({.tid = 100});
    s.unshare(100, CLONE_NEWPID);
    const Task task = *s.task(100);
    EXPECT_EQ(task.active_pid_namespace()->inum(), pid0);
    const Namespace children = *task.pid_namespace_for_children();
    EXPECT_NE(children.inum(), pid0);
    EXPECT_EQ(children.state(), NsState::empty);
    EXPECT_FALSE(children.reaper());
    EXPECT_FALSE(task.pid_in(children)) << "it will never be in there";

    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.task(101)->active_pid_namespace()->inum(), children.inum());
    EXPECT_EQ(s.task(101)->pid_in(*s.ns(children.inum())), 1U);
    EXPECT_EQ(s.ns(children.inum())->state(), NsState::alive);
    EXPECT_EQ(s.ns(children.inum())->reaper()->tid(), 101U);
    EXPECT_EQ(s.task(100)->active_pid_namespace()->inum(), pid0);

    s.setns(100, Slot::pid_for_children, pid0);
    EXPECT_EQ(s.task(100)->pid_namespace_for_children()->inum(), pid0);
}

TEST(NsProxy, OnceNullLeavesPidAndUser) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWNET});
    const nst_ns_set had = s.of(100).ns;
    s.exit(100);
    EXPECT_TRUE(s.task(100)->has_nsproxy()) << "exiting, but not that far";
    EXPECT_EQ(s.task(100)->ns(Slot::net)->inum(), had.net);
    s.leave(100);
    const Task zombie = *s.task(100);
    EXPECT_FALSE(zombie.has_nsproxy());
    for (const Slot slot : all_slots) {
        EXPECT_EQ(zombie.ns(slot).has_value(), !in_nsproxy(slot)) << slot_name(slot);
    }
    EXPECT_FALSE(zombie.pid_namespace_for_children());
    EXPECT_EQ(zombie.active_pid_namespace()->inum(), had.pid);
    EXPECT_EQ(zombie.ns(Slot::user)->inum(), had.user);
    EXPECT_EQ(s.ns(had.pid)->population().zombies, 1U);
    EXPECT_EQ(s.ns(had.pid)->population().alive(), 0U);
    EXPECT_EQ(s.ns(had.net)->state(), NsState::empty);
}

// -- A View never changes, whichever table is written to.

TEST(View, StaysAsItWas) {
    Script s;
    s.emit(nst_cgroup{.header = {},
                      .id = 1,
                      .parent = 0,
                      .what = NST_cgroup_what_made,
                      .round = 0,
                      .pids_used = 0,
                      .pids_max = 0,
                      .name = ""});
    s.emit(nst_cgroup{.header = {},
                      .id = 2,
                      .parent = 1,
                      .what = NST_cgroup_what_made,
                      .round = 0,
                      .pids_used = 1,
                      .pids_max = 100,
                      .name = "a.slice"});
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUTS, .comm = "sh"});
    s.fork({.tid = 101, .parent = 100});
    const auto move = [&](std::uint64_t cgroup) {
        s.emit(nst_task_cgroup{
            .header = {}, .task = s.of(100).ref, .cgroup = cgroup, .whole = 1, .actor_tid = 1});
    };
    const auto run = [&](std::string_view path) {
        nst_task_exec event{};
        event.task = s.of(100).ref;
        event.ns = s.of(100).ns;
        event.old_tid = 100;
        path.copy(event.comm, sizeof(event.comm) - 1);
        path.copy(event.filename, sizeof(event.filename) - 1);
        s.emit(event);
    };
    move(2);
    run("/bin/first");

    const View view = s.world.view();
    const Task task = *view.task(100);
    const std::string told = summarize(view).dump();
    const auto is_as_it_was = [&](const char* what) {
        SCOPED_TRACE(what);
        EXPECT_EQ(summarize(view).dump(), told);
        EXPECT_EQ(task.exe(), "/bin/first");
        EXPECT_EQ(task.cgroup(), "/a.slice");
        EXPECT_EQ(task.pids_controller()->max, 100U);
        EXPECT_EQ(task.ppid(), 1U);
        EXPECT_EQ(view.task(101)->ppid(), 100U);
        EXPECT_EQ(view.pid_requests().size(), 0U);
    };
    run("/bin/second");
    is_as_it_was("tasks and names");
    EXPECT_EQ(s.task(100)->exe(), "/bin/second");
    s.unshare(100, CLONE_NEWUTS);
    is_as_it_was("sets");
    s.emit(nst_cgroup{.header = {},
                      .id = 2,
                      .parent = 1,
                      .what = NST_cgroup_what_renamed,
                      .round = 0,
                      .pids_used = 5,
                      .pids_max = 7,
                      .name = "b.slice"});
    is_as_it_was("cgroups");
    EXPECT_EQ(s.task(100)->cgroup(), "/b.slice");
    move(1);
    is_as_it_was("the cgroup of a process");
    s.ns_last_pid(s.of(100).ns.pid, 4711, 100);
    is_as_it_was("namespaces");
    s.alloc_pid_fails(100, 17, 1);
    is_as_it_was("requests");
    s.zombie(101);
    s.release(101);
    is_as_it_was("processes");
    s.die(100);
    s.inum_free(view.task(100)->active_pid_namespace()->inum());
    is_as_it_was("the task released and its namespace gone");
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUTS, .comm = "next"});
    s.fork({.tid = 101});
    is_as_it_was("its slots used again");
    s.gap();
    s.snapshot(2);
    is_as_it_was("a gap and a snapshot");
    EXPECT_NE(summarize(s.world.view()).dump(), told);
}

TEST(View, ManyOfManyMomentsEachStay) {
    Script s;
    std::vector<std::pair<View, std::string>> moments;
    for (std::uint32_t tid = 100; tid < 400; tid++) {
        s.fork({.tid = tid, .flags = tid % 5 == 0 ? CLONE_NEWIPC : 0ULL});
        if (tid % 3 == 0) {
            s.die(tid - 1);
        }
        if (tid % 25 == 0) {
            moments.emplace_back(s.world.view(), summarize(s.world.view()).dump());
        }
    }
    for (const auto& [view, told] : moments) {
        EXPECT_EQ(summarize(view).dump(), told);
    }
}

TEST(View, KeepsTheLatestRequestsForChosenPids) {
    Script s;
    s.fork({.tid = 100});
    const auto request = [&](std::uint32_t nr) {
        const nst_pid_request number[] = {
            {.pid_namespace = pid0, .nr = nr, .asked = nr, .last_pid = 0}};
        s.alloc_pid(100, number, 1);
    };
    const auto asked = [](const View& view) {
        std::vector<std::uint32_t> all;
        for (const PidRequest& one : view.pid_requests()) {
            all.push_back(one.levels.at(0).asked);
        }
        return all;
    };
    const auto from = [](std::uint32_t first, std::uint32_t count) {
        std::vector<std::uint32_t> all(count);
        std::iota(all.begin(), all.end(), first);
        return all;
    };
    const View none = s.world.view();
    request(1000);
    request(1001);
    const View two = s.world.view();
    for (std::uint32_t nr = 1002; nr < 1200; nr++) {
        request(nr);
        if (nr == 1063 || nr == 1064 || nr == 1128) {
            EXPECT_EQ(asked(s.world.view()), from(nr - 63, 64)) << nr;
        }
    }
    EXPECT_EQ(asked(s.world.view()), from(1136, 64));
    EXPECT_EQ(asked(two), from(1000, 2));
    EXPECT_EQ(asked(none), from(0, 0));
}

}  // namespace
}  // namespace nstrail::test
