// SPDX-License-Identifier: Apache-2.0
#include "mutation/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "source/script.hpp"
#include "unit/script.hpp"

namespace nstrail::test {

namespace {

constexpr std::uint64_t all_capabilities = (1ULL << 41) - 1;

void exec_by_another_thread(Script& s) {
    s.fork({.tid = 200});
    s.thread(201, 200);
    s.thread(202, 200);
    s.zombie(202);
    s.release(202);
    s.task_free(202);
    s.zombie(200);
    s.exchange(201);
    s.release(201);
    s.spoil<nst_task_exec>([](nst_task_exec& e) { e.old_tid = 201; });
    s.exec(200, "thread");
    s.task_free(201);
    s.die(200);
}

/// A container: an init with threads, tasks below it, and a second pid namespace inside.
void container(Script& s, std::uint32_t first) {
    const std::uint32_t init = first;
    s.fork({.tid = init, .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC});
    const nst_ns_set outer = s.of(init).ns;
    s.exec(init, "container");
    s.thread(init + 1, init);
    s.fork({.tid = init + 2, .parent = init});
    s.unshare(init + 2, CLONE_NEWPID | CLONE_NEWNET);
    const std::uint32_t inner = s.of(init + 2).ns.pid_for_children;
    const std::uint32_t net = s.of(init + 2).ns.net;
    s.fork({.tid = init + 3, .parent = init + 2});
    s.exec(init + 3, "inner");
    s.fork({.tid = init + 4, .parent = init + 3, .flags = CLONE_NEWUTS});
    const std::uint32_t uts = s.of(init + 4).ns.uts;
    // Switches of tasks that live below, and have no children after.
    s.fork({.tid = init + 5, .parent = init});
    s.unshare(init + 5, CLONE_NEWCGROUP);
    const std::uint32_t cgroup = s.of(init + 5).ns.cgroup;
    s.exec(init + 5, "own");
    // In from outside.
    s.fork({.tid = init + 6});
    s.setns(init + 6, Slot::pid_for_children, outer.pid);
    s.fork({.tid = init + 7, .parent = init + 6});
    s.die(init + 7);
    s.die(init + 5);
    s.inum_free(cgroup);
    s.die(init + 4);
    s.inum_free(uts);
    s.die(init + 3);
    s.die(init + 2);
    s.inum_free(net);
    s.inum_free(inner);
    s.die(init + 6);
    s.die(init + 1);
    s.die(init);
    for (const std::uint32_t inum : {outer.mnt, outer.uts, outer.ipc, outer.pid}) {
        s.inum_free(inum);
    }
}

void set_tid(Script& s) {
    s.fork({.tid = 300, .flags = CLONE_NEWPID});
    const std::uint32_t ns = s.of(300).ns.pid;
    for (const std::uint32_t size : {1U, 2U}) {
        s.spoil<nst_alloc_pid, nst_pid_request>(
            [size](nst_alloc_pid& e, std::span<nst_pid_request> tail) {
                e.set_tid_size = size;
                e.actor_user = initial(NST_ns_type_user);
                e.actor_capabilities = all_capabilities;
                for (nst_pid_request& one : tail.last(size)) {
                    one.asked = one.nr;
                }
            });
        s.fork({.tid = 300 + size, .parent = 300, .nr = 10 + size});
    }
    s.alloc_pid_fails(1, EINVAL, 2);
    s.spoil<nst_alloc_pid, nst_pid_request>(
        [](nst_alloc_pid& /*e*/, std::span<nst_pid_request> tail) { tail[0].asked = 0; });
    s.alloc_pid_fails(1, EINVAL, 1);
    s.spoil<nst_alloc_pid>([](nst_alloc_pid& e) { e.actor_user = initial(NST_ns_type_user); });
    s.alloc_pid_fails(1, EPERM, 1);
    s.alloc_pid_fails(300, EEXIST, 1);
    s.die(302);
    s.die(301);
    s.die(300);
    s.inum_free(ns);
}

void users(Script& s) {
    s.fork({.tid = 400});
    s.unshare(400, CLONE_NEWUSER);
    const std::uint32_t outer = s.of(400).ns.user;
    s.unshare(400, CLONE_NEWUSER | CLONE_NEWUTS);
    const nst_ns_set set = s.of(400).ns;
    s.fork({.tid = 401});
    s.setns(401, Slot::user, outer);
    s.die(401);
    s.die(400);
    s.inum_free(set.uts);
    s.inum_free(set.user);
    s.inum_free(outer);
}

void failures(Script& s) {
    s.fork({.tid = 500});
    const nst_pid_request number{
        .pid_namespace = initial(NST_ns_type_pid), .nr = 501, .asked = 0, .last_pid = 0};
    const std::uint64_t key = s.alloc_pid(500, std::span(&number, 1));
    const nst_pid_nr given{.pid_namespace = number.pid_namespace, .nr = number.nr};
    s.emit(nst_free_pid{.header = {}, .pid_key = key, .levels = 1, .actor_tid = 500},
           std::span(&given, 1));
    s.fork_cleanup(500, 0xC0FFEE, 501);
    s.fork({.tid = 502, .parent = 500});
    s.die(502);
    s.die(500);
}

}  // namespace

Stream::Stream(std::string name, std::vector<EventBuffer> buffers)
    : name_(std::move(name)), buffers_(std::move(buffers)) {
    for (const EventBuffer& buffer : buffers_) {
        const auto event = buffer.event();
        if (!event) {
            throw std::runtime_error(event.error().line());
        }
        if (event->kind() == NST_KIND_mark && checked_from_ == 0 &&
            event->as<nst_mark>().what == NST_mark_what_snapshot_end) {
            checked_from_ = events_.size();
        }
        events_.push_back(*event);
    }
}

Stream Stream::recorded(const std::string& path) {
    auto source = ScriptSource::open(path);
    if (!source) {
        throw std::runtime_error(source.error().line());
    }
    std::vector<EventBuffer> buffers;
    while (!(*source)->ended()) {
        const auto polled = (*source)->poll([&](const Event& event) {
            EventBuffer& copy = buffers.emplace_back(event.bytes().size());
            std::ranges::copy(event.bytes(), copy.bytes().begin());
        });
        if (!polled) {
            throw std::runtime_error(polled.error().line());
        }
    }
    return {path.substr(path.rfind('/') + 1), std::move(buffers)};
}

Stream Stream::scripted() {
    Script s;
    exec_by_another_thread(s);
    for (std::uint32_t round = 0; round < 6; round++) {
        // The numbers are used again, and the inode numbers of the first.
        s.next_inum(round == 0 ? 0 : 0xF0000200);
        container(s, 100 + 10 * (round % 2));
        s.next_inum(round == 0 ? 0 : 0xF0000200);
        s.fork({.tid = 190, .flags = CLONE_NEWUTS});
        const std::uint32_t uts = s.of(190).ns.uts;
        s.die(190);
        s.inum_free(uts);
    }
    set_tid(s);
    users(s);
    failures(s);
    return {"a script", s.events()};
}

Findings judge(const std::vector<EventBuffer>& events) {
    World world;
    Checker checker(world);
    for (const EventBuffer& buffer : events) {
        if (const auto event = buffer.event()) {
            checker.apply(*event);
        }
    }
    nst_mark mark{};
    mark.header.kind = NST_KIND_mark;
    mark.what = NST_mark_what_audited;
    const EventBuffer audited = EventBuffer::make(mark);
    for (int i = 0; i < 2; i++) {
        checker.apply(*audited.event());
    }
    checker.finish();
    return checker.findings();
}

}  // namespace nstrail::test
