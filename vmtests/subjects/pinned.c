// SPDX-License-Identifier: Apache-2.0
//
// Namespaces without a task, held by a bind mount, by a bind mount in another mount namespace, and
// by an open file: each dies only when that goes.
#include <stdatomic.h>
#include <sys/mount.h>

#include "subject.h"

#define UTS_FILE "/tmp/nstrail-uts"
#define IPC_FILE "/tmp/nstrail-ipc"

// A mark in the stream: what comes after it was not before.
static void mark(const char* name) {
    MUST(prctl(PR_SET_NAME, name) == 0);
    say("expect {\"kind\":\"task_rename\",\"task\":{\"tid\":%d},\"comm\":\"%s\"}", getpid(), name);
}

static void bind(const char* link, pid_t pid, const char* file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, link);
    MUST(mount(path, file, NULL, MS_BIND, NULL) == 0);
}

static void make_file(const char* file) {
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    MUST(fd >= 0);
    close(fd);
}

int main(void) {
    _Atomic int* bound = shared(sizeof *bound);
    make_file(UTS_FILE);
    make_file(IPC_FILE);
    const pid_t owner = clone3_flags(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP);
    if (owner == 0) pause_forever();
    MUST(owner > 0);
    const unsigned uts = inum_of(owner, "uts");
    const unsigned ipc = inum_of(owner, "ipc");
    const unsigned cgroup = inum_of(owner, "cgroup");
    bind("uts", owner, UTS_FILE);
    const pid_t keeper = clone3_flags(CLONE_NEWNS);
    if (keeper == 0) {
        MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        // Its copy of the first mount goes, or that would hold the namespace too.
        MUST(umount2(UTS_FILE, 0) == 0);
        bind("ipc", owner, IPC_FILE);
        *bound = 1;
        pause_forever();
    }
    MUST(keeper > 0);
    await_nonzero(bound, "the bind mount elsewhere");
    const int fd = open_ns(owner, "cgroup");
    kill_and_reap(owner);
    expect_release(owner, owner, "entry");
    say("state uts %u empty", uts);
    say("state ipc %u empty", ipc);
    say("state cgroup %u empty", cgroup);
    hold("pinned");

    mark("umount");
    MUST(umount2(UTS_FILE, 0) == 0);
    say("expect {\"kind\":\"inum_free\",\"inum\":%u,\"point\":\"entry\"}", uts);
    mark("close");
    close(fd);
    say("expect {\"kind\":\"inum_free\",\"inum\":%u,\"point\":\"entry\"}", cgroup);
    mark("kill");
    kill_and_reap(keeper);
    say("expect {\"kind\":\"inum_free\",\"inum\":%u,\"point\":\"entry\"}", ipc);
    MUST(unlink(UTS_FILE) == 0 && unlink(IPC_FILE) == 0);
    return 0;
}
