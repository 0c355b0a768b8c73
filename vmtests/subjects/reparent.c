// SPDX-License-Identifier: Apache-2.0
//
// Who inherits orphans (find_new_reaper): another thread's process, a subreaper, a pid namespace's
// init, or the first process of all.
#include <stdatomic.h>

#include "subject.h"

static _Atomic int* orphan;

// A child that makes a grandchild and ends; the grandchild is orphaned. The child waits to be
// reaped, so that what is seen at a hold does not hang on when that happens.
static pid_t make_orphan(uint64_t flags) {
    *orphan = 0;
    pid_t child = clone3_flags(flags);
    if (child == 0) {
        if (fork() == 0) {
            *orphan = global_tid();
            pause_forever();
        }
        await_nonzero(orphan, "the grandchild");
        _exit(0);
    }
    MUST(child > 0);
    await_nonzero(orphan, "the grandchild");
    MUST(reap(child) == 0);
    return *orphan;
}

int main(void) {
    orphan = shared(sizeof *orphan);

    // A daemon: its parent ends, the first process takes it.
    pid_t daemon = make_orphan(0);
    say("anywhere {\"kind\":\"task_exit\",\"exit_code\":0,\"heir\":1}");
    hold("daemon");
    MUST(kill(daemon, SIGKILL) == 0);
    await_state(daemon, daemon, '-');

    // A subreaper above takes it instead.
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t adopted = make_orphan(0);
    say("anywhere {\"kind\":\"task_exit\",\"exit_code\":0,\"heir\":%d}", getpid());
    hold("subreaper");
    kill_and_reap(adopted);
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);

    // Within a pid namespace its init takes it.
    pid_t init = clone3_flags(CLONE_NEWPID);
    if (init == 0) {
        make_orphan(0);
        *orphan = -*orphan;  // the child is reaped: now it is an orphan
        pause_forever();
    }
    MUST(init > 0);
    for (int i = 0; i < 2000 && *orphan >= 0; ++i)
        usleep(5000);
    if (*orphan >= 0) FAIL("the init made no orphan");
    say("anywhere {\"kind\":\"task_exit\",\"exit_code\":0,\"heir\":%d}", init);
    hold("pid_namespace");
    kill_and_reap(init);

    // A session and process group outlive their leader: the number stays in use.
    pid_t leader = fork();
    if (leader == 0) {
        MUST(setsid() == getpid());
        if (fork() == 0) {
            *orphan = global_tid();
            pause_forever();
        }
        _exit(0);
    }
    MUST(leader > 0);
    MUST(reap(leader) == 0);
    for (int i = 0; i < 2000 && *orphan <= 0; ++i)
        usleep(5000);
    MUST(*orphan > 0 && getsid(*orphan) == leader);
    expect_release(leader, leader, "entry");
    hold("session");
    pid_t member = *orphan;
    MUST(kill(member, SIGKILL) == 0);
    await_state(member, member, '-');
    // Its last user frees the number, long after the leader's release.
    expect_release(member, member, "entry");
    say("expect {\"kind\":\"free_pid\",\"vpids\":[{\"nr\":%d}]}", leader);
    return 0;
}
