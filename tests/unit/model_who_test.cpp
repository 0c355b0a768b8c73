// SPDX-License-Identifier: Apache-2.0
// Which cgroup, container and executable a task has.
#include <gtest/gtest.h>

#include "model/who.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint64_t root = 1;
constexpr std::uint64_t slice = 20;
constexpr std::uint64_t scope = 30;
const std::string container_id(64, 'a');

void tell_cgroup(Script& s, std::uint64_t id, std::uint64_t parent, const std::string& name,
                 nst_cgroup_what what = NST_cgroup_what_made) {
    nst_cgroup event{};
    event.id = id;
    event.parent = parent;
    event.what = what;
    event.pids_used = 3;
    event.pids_max = id == scope ? 100 : 0xFFFFFFFF;
    name.copy(event.name, sizeof(event.name) - 1);
    s.emit(event);
}

void make_cgroups(Script& s) {
    tell_cgroup(s, root, 0, "");
    tell_cgroup(s, slice, root, "system.slice");
    tell_cgroup(s, scope, slice, "docker-" + container_id + ".scope");
}

void move(Script& s, std::uint32_t tid, std::uint64_t cgroup, bool whole = true) {
    s.emit(nst_task_cgroup{.header = {},
                           .task = s.of(tid).ref,
                           .cgroup = cgroup,
                           .whole = whole ? 1U : 0U,
                           .actor_tid = 1});
}

std::string path_of(const Script& s, std::uint32_t tid) {
    return s.task(tid)->cgroup().value_or("not known");
}

TEST(Cgroups, ATaskIsWhereItWasMovedTo) {
    Script s;
    make_cgroups(s);
    s.fork({.tid = 100});
    EXPECT_EQ(path_of(s, 100), "not known");
    move(s, 100, slice);
    EXPECT_EQ(path_of(s, 100), "/system.slice");
    move(s, 100, root);
    EXPECT_EQ(path_of(s, 100), "/");
}

TEST(Cgroups, AThreadMovedAloneIsElsewhereUntilAllMove) {
    Script s;
    make_cgroups(s);
    s.fork({.tid = 100});
    s.thread(101, 100);
    move(s, 100, slice);
    move(s, 101, root, false);
    EXPECT_EQ(path_of(s, 100), "/system.slice");
    EXPECT_EQ(path_of(s, 101), "/");
    move(s, 100, scope);
    EXPECT_EQ(path_of(s, 101), path_of(s, 100));
}

TEST(Cgroups, AZombieKeepsItsPlaceAfterTheCgroupIsRemoved) {
    Script s;
    make_cgroups(s);
    s.fork({.tid = 100});
    move(s, 100, scope);
    s.zombie(100);
    tell_cgroup(s, scope, slice, "docker-" + container_id + ".scope", NST_cgroup_what_removed);
    EXPECT_EQ(path_of(s, 100), "/system.slice/docker-" + container_id + ".scope");
    s.release(100);
    tell_cgroup(s, slice, root, "system.slice", NST_cgroup_what_removed);
    tell_cgroup(s, 40, slice, "under-the-removed", NST_cgroup_what_seen);
    s.fork({.tid = 101});
    move(s, 101, 40);
    EXPECT_EQ(path_of(s, 101), "not known") << "the name above it is not kept for ever";
}

// No kernel tells this; a damaged recording may.
TEST(Cgroups, OneThatIsItsOwnParentGoesOnce) {
    Script s;
    make_cgroups(s);
    tell_cgroup(s, 40, 40, "its-own-parent");
    tell_cgroup(s, 40, root, "its-own-parent", NST_cgroup_what_removed);
    tell_cgroup(s, 50, root, "one");
    tell_cgroup(s, 60, root, "other");
    s.fork({.tid = 100});
    s.fork({.tid = 101});
    move(s, 100, 50);
    move(s, 101, 60);
    EXPECT_EQ(path_of(s, 100), "/one");
    EXPECT_EQ(path_of(s, 101), "/other");
}

TEST(Cgroups, ARenameIsSeen) {
    Script s;
    make_cgroups(s);
    s.fork({.tid = 100});
    move(s, 100, slice);
    tell_cgroup(s, slice, root, "other.slice", NST_cgroup_what_renamed);
    EXPECT_EQ(path_of(s, 100), "/other.slice");
}

TEST(Cgroups, TheLimitIsTheOneLastRead) {
    Script s;
    make_cgroups(s);
    s.fork({.tid = 100});
    EXPECT_FALSE(s.task(100)->pids_controller());
    move(s, 100, scope);
    EXPECT_EQ(s.task(100)->pids_controller()->max, 100U);
    EXPECT_EQ(s.task(100)->pids_controller()->used, 3U);
    move(s, 100, slice);
    EXPECT_FALSE(s.task(100)->pids_controller()->max) << "no limit is not a limit of 2^32";
}

TEST(Who, TellsTheContainerOfTasksAndOfNamespacesThatAreItsAlone) {
    Script s;
    make_cgroups(s);
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUTS});
    s.fork({.tid = 101, .parent = 100});
    move(s, 100, scope);
    move(s, 101, scope);
    Who who(s.world.view());
    EXPECT_EQ(who.of(*s.task(100))->container, container_id);
    EXPECT_EQ(who.of(*s.task(100))->runtime, "docker");
    ASSERT_NE(who.of(*s.ns(s.of(100).ns.pid)), nullptr);
    EXPECT_EQ(who.of(*s.ns(s.of(100).ns.pid))->container, container_id);
    EXPECT_EQ(who.of(*s.ns(initial(NST_ns_type_net))), nullptr) << "the host is in it too";
    move(s, 101, slice);
    Who later(s.world.view());
    EXPECT_EQ(later.of(*s.ns(s.of(100).ns.pid)), nullptr) << "one of its tasks is elsewhere";
}

TEST(Executables, AreInheritedAndChangedByExec) {
    Script s;
    s.fork({.tid = 100});
    nst_task_exe told{};
    told.task = s.of(100).ref;
    std::string_view("/usr/bin/bash").copy(told.path, sizeof(told.path) - 1);
    s.emit(told);
    s.fork({.tid = 101, .parent = 100});
    EXPECT_EQ(s.task(101)->exe(), "/usr/bin/bash");
    nst_task_exec exec{};
    exec.task = s.of(101).ref;
    exec.ns = s.of(101).ns;
    exec.old_tid = 101;
    std::string_view("/bin/true").copy(exec.filename, sizeof(exec.filename) - 1);
    s.emit(exec);
    EXPECT_EQ(s.task(101)->exe(), "/bin/true");
    EXPECT_EQ(s.task(100)->exe(), "/usr/bin/bash");
    told.task = s.of(101).ref;
    s.emit(told);
    EXPECT_EQ(s.task(101)->exe(), "/bin/true") << "what /proc told may be older than the exec";
}

}  // namespace
}  // namespace nstrail::test
