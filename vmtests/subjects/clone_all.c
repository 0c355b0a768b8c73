// SPDX-License-Identifier: Apache-2.0
//
// One clone3 with every CLONE_NEW* flag, and one unshare of everything.
#include <stdatomic.h>
#include <stdbool.h>

#include "subject.h"

static const char* const types[] = {"mnt", "uts", "ipc", "pid", "net", "cgroup", "time", "user"};
enum { type_count = sizeof types / sizeof *types };

static const uint64_t all_flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
                                  CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWUSER | CLONE_NEWTIME;

int main(void) {
    unsigned own[type_count];
    for (size_t i = 0; i < type_count; ++i)
        own[i] = inum_of(getpid(), types[i]);

    // CLONE_NEWTIME lies within clone's CSIGNAL: only clone3 can ask for it.
    uint64_t flags = all_flags;
    pid_t child = clone3_flags(flags);
    if (child < 0 && errno == EINVAL) {
        // Kernels without "fork: allow CLONE_NEWTIME in clone3 flags".
        flags &= ~(uint64_t)CLONE_NEWTIME;
        child = clone3_flags(flags);
    }
    if (child == 0) pause_forever();
    MUST(child > 0);
    say("note clone_flags 0x%llx", (unsigned long long)flags);

    unsigned pid_inums[2] = {own[3], inum_of(child, "pid")};
    char vpids[512];
    char ns[512];
    vpids_json(child, pid_inums, vpids, sizeof vpids);
    ns_json(child, ns, sizeof ns);
    for (size_t i = 0; i < type_count; ++i) {
        unsigned inum = inum_of(child, types[i]);
        bool asked = strcmp(types[i], "time") != 0 || (flags & CLONE_NEWTIME);
        if ((inum != own[i]) != asked) FAIL("%s namespace: %u from %u", types[i], inum, own[i]);
        if (asked) say("anywhere {\"kind\":\"inum_alloc\",\"inum\":%u}", inum);
    }
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0,%s}", getpid(), vpids);
    say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d,\"tgid\":%d},\"actor\":{\"tid\":%d},"
        "\"clone_flags\":%llu,%s,%s}",
        child, child, getpid(), (unsigned long long)flags, vpids, ns);
    hold("cloned");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    hold("killed");

    _Atomic int* ready = shared(sizeof *ready);
    child = fork();
    if (child == 0) {
        MUST(unshare((int)all_flags) == 0);
        *ready = 1;
        pause_forever();
    }
    await_nonzero(ready, "unshare");
    // A pid namespace without a reaper is not shown under /proc/PID/ns: only the tracer can say it.
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\","
        "\"before\":{\"mnt\":%u,\"uts\":%u,\"ipc\":%u,\"net\":%u,\"cgroup\":%u},"
        "\"after\":{\"mnt\":%u,\"uts\":%u,\"ipc\":%u,\"net\":%u,\"cgroup\":%u,"
        "\"time\":%u,\"time_for_children\":%u}}",
        child, own[0], own[1], own[2], own[4], own[5], inum_of(child, "mnt"), inum_of(child, "uts"),
        inum_of(child, "ipc"), inum_of(child, "net"), inum_of(child, "cgroup"), own[6],
        inum_of(child, "time_for_children"));
    say("anywhere {\"kind\":\"cred_user_ns\",\"task\":{\"tid\":%d},\"before\":%u,"
        "\"after\":%u}",
        child, own[7], inum_of(child, "user"));
    hold("unshared");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    return 0;
}
