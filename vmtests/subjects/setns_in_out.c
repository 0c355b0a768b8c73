// SPDX-License-Identifier: Apache-2.0
//
// Into the namespaces of another process and back: by /proc/PID/ns files and by pidfd.
#include <stdatomic.h>

#include "subject.h"

static const struct {
    const char* link;
    int flag;
} slots[] = {
    {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC},       {"net", CLONE_NEWNET},
    {"mnt", CLONE_NEWNS},  {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME},
};
enum { slot_count = sizeof slots / sizeof *slots };

static void enter(int fd, const char* link, int flag, unsigned from, unsigned to) {
    MUST(setns(fd, flag) == 0);
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\","
        "\"before\":{\"%s\":%u},\"after\":{\"%s\":%u}}",
        getpid(), link, from, link, to);
}

int main(void) {
    const int self = getpid();
    _Atomic int* ready = shared(sizeof *ready);
    // The time namespace of an unshare is for children only: one more fork enters it.
    MUST(unshare(CLONE_NEWTIME) == 0);
    pid_t host = clone3_flags(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS |
                              CLONE_NEWCGROUP | CLONE_NEWPID);
    if (host == 0) {
        *ready = 1;
        pause_forever();
    }
    MUST(host > 0);
    await_nonzero(ready, "the host of the namespaces");
    unsigned own[slot_count];
    unsigned theirs[slot_count];
    int back[slot_count];
    for (size_t i = 0; i < slot_count; ++i) {
        own[i] = inum_of(self, slots[i].link);
        theirs[i] = inum_of(host, slots[i].link);
        back[i] = open_ns(self, slots[i].link);
        if (own[i] == theirs[i]) FAIL("%s namespace is shared", slots[i].link);
    }

    for (size_t i = 0; i < slot_count; ++i) {
        int fd = open_ns(host, slots[i].link);
        enter(fd, slots[i].link, slots[i].flag, own[i], theirs[i]);
        close(fd);
    }
    hold("inside");
    for (size_t i = 0; i < slot_count; ++i) {
        enter(back[i], slots[i].link, slots[i].flag, theirs[i], own[i]);
    }
    hold("back");

    // A pid namespace is entered by the next child; the caller's own stays.
    const unsigned own_pid = inum_of(self, "pid");
    const unsigned their_pid = inum_of(host, "pid");
    int own_pid_fd = open_ns(self, "pid");
    int their_pid_fd = open_ns(host, "pid");
    MUST(setns(their_pid_fd, CLONE_NEWPID) == 0);
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\","
        "\"before\":{\"pid_for_children\":%u},"
        "\"after\":{\"pid_for_children\":%u}}",
        self, own_pid, their_pid);
    MUST(inum_of(self, "pid") == own_pid && inum_of(self, "pid_for_children") == their_pid);
    pid_t child = fork();
    if (child == 0) pause_forever();
    MUST(child > 0);
    const unsigned levels[2] = {own_pid, their_pid};
    expect_birth(self, child, child, levels);
    hold("pid_for_children");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    MUST(setns(own_pid_fd, CLONE_NEWPID) == 0);

    // All of them with one call.
    int pidfd = open_pidfd(host);
    const int many = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWPID;
    MUST(setns(pidfd, many) == 0);
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\","
        "\"before\":{\"uts\":%u,\"ipc\":%u,\"net\":%u,\"pid_for_children\":%u},"
        "\"after\":{\"uts\":%u,\"ipc\":%u,\"net\":%u,\"pid_for_children\":%u,\"mnt\":%u}}",
        self, own[0], own[1], own[2], own_pid, theirs[0], theirs[1], theirs[2], their_pid, own[3]);
    hold("by_pidfd");
    for (size_t i = 0; i < slot_count; ++i)
        MUST(setns(back[i], slots[i].flag) == 0);
    MUST(setns(own_pid_fd, CLONE_NEWPID) == 0);

    // A user namespace is no part of nsproxy, and one cannot go back: a child goes.
    pid_t user_host = clone3_flags(CLONE_NEWUSER);
    if (user_host == 0) pause_forever();
    MUST(user_host > 0);
    const unsigned their_user = inum_of(user_host, "user");
    *ready = 0;
    child = fork();
    if (child == 0) {
        int fd = open_ns(user_host, "user");
        MUST(setns(fd, CLONE_NEWUSER) == 0);
        *ready = 1;
        pause_forever();
    }
    MUST(child > 0);
    await_nonzero(ready, "setns to the user namespace");
    MUST(inum_of(child, "user") == their_user);
    say("expect {\"kind\":\"cred_user_ns\",\"task\":{\"tid\":%d},\"after\":%u}", child, their_user);
    hold("user");
    kill_and_reap(child);
    kill_and_reap(user_host);
    kill_and_reap(host);

    // Nobody is left in it, but the file descriptor keeps it: entering works, forking does not.
    MUST(setns(their_pid_fd, CLONE_NEWPID) == 0);
    MUST(fork() < 0);
    if (errno != ENOMEM) FAIL("a fork into a dead pid namespace ended with errno %d", errno);
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":%d}", self, -ENOMEM);
    hold("dead_pid_namespace");
    return 0;
}
