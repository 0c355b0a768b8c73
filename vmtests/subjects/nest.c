// SPDX-License-Identifier: Apache-2.0
//
// Pid namespaces nested to the kernel's limit, and the ENOSPC one level further.
#include <stdatomic.h>

#include "subject.h"

struct chain {
    _Atomic int tid[max_levels];  // by level; 0 is the subject
    unsigned inum[max_levels];
    _Atomic int beyond;  // the errno of level 33
};
static struct chain* chain;

// The init of each level makes the next level, and then stays.
static void descend(void) {
    for (int level = 1; level < max_levels; ++level) {
        chain->inum[level] = inum_at("/proc/thread-self/ns/pid");
        chain->tid[level] = global_tid();
        pid_t child = clone3_flags(CLONE_NEWPID);
        if (child == 0) continue;
        if (level + 1 == max_levels) chain->beyond = child < 0 ? errno : -1;
        if (child < 0 && level + 1 < max_levels) chain->beyond = -errno;
        pause_forever();
    }
    // Here is only the child of the last level, which should not exist.
    _exit(0);
}

int main(void) {
    chain = shared(sizeof *chain);
    chain->inum[0] = inum_of(getpid(), "pid");
    chain->tid[0] = getpid();
    pid_t first = clone3_flags(CLONE_NEWPID);
    if (first == 0) descend();
    MUST(first > 0);
    await_nonzero(&chain->beyond, "the level beyond the limit");
    if (chain->beyond != ENOSPC) FAIL("level 33 ended with errno %d, not ENOSPC", chain->beyond);
    for (int level = 1; level < max_levels; ++level) {
        expect_birth(chain->tid[level - 1], chain->tid[level], chain->tid[level], chain->inum);
        say("anywhere {\"kind\":\"inum_alloc\",\"inum\":%u}", chain->inum[level]);
    }
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", chain->tid[max_levels - 1]);
    hold("deepest");

    // The innermost alone first, so that its namespace dies while its parent's lives.
    MUST(kill(chain->tid[max_levels - 1], SIGKILL) == 0);
    await_state(chain->tid[max_levels - 1], chain->tid[max_levels - 1], 'Z');
    expect_exit(chain->tid[max_levels - 1], SIGKILL);
    hold("innermost_zombie");

    kill_and_reap(first);
    // zap_pid_ns_processes: an init goes after everything in and below its namespace.
    for (int level = max_levels - 1; level >= 1; --level) {
        say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", chain->tid[level]);
    }
    hold("gone");
    return 0;
}
