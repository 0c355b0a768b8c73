// SPDX-License-Identifier: Apache-2.0
//
// The init of a pid namespace has threads, and its leader ends first: another thread is the reaper
// then, and only the end of the last one ends the namespace. That one waits for a process put in
// from outside.
#include <stdatomic.h>

#include "subject.h"

struct state {
    _Atomic int thread[2];
    _Atomic int child;
    _Atomic int middle;
    _Atomic int orphan;
    _Atomic int orphaned;
    unsigned inum;
};
static struct state* state;

static void make_orphan(void) {
    pid_t middle = fork();
    if (middle == 0) {
        state->middle = global_tid();
        if (fork() == 0) {
            state->orphan = global_tid();
            pause_forever();
        }
        await_nonzero(&state->orphan, "the grandchild");
        _exit(0);
    }
    MUST(middle > 0 && waitpid(middle, NULL, 0) == middle);
    state->orphaned = 1;
    await_go();
}

static void init(void) {
    state->inum = inum_at("/proc/thread-self/ns/pid");
    if (fork() == 0) {
        state->child = global_tid();
        pause_forever();
    }
    await_nonzero(&state->child, "the child");
    start_thread(&(struct thread_start){&state->thread[0], NULL});
    await_nonzero(&state->thread[0], "a thread");
    start_thread(&(struct thread_start){&state->thread[1], make_orphan});
    await_nonzero(&state->thread[1], "another thread");
    syscall(SYS_exit, 3);
}

static void go(pid_t process, int thread) {
    MUST(syscall(SYS_tgkill, process, thread, SIGUSR1) == 0);
}

int main(void) {
    const int self = getpid();
    state = shared(sizeof *state);
    block_go();
    const int own = open_ns(self, "pid");
    pid_t first = clone3_flags(CLONE_NEWPID);
    if (first == 0) init();
    MUST(first > 0);
    await_nonzero(&state->thread[1], "the threads");
    const int* thread = (const int[]){state->thread[0], state->thread[1]};
    const unsigned inums[2] = {inum_of(self, "pid"), state->inum};
    expect_birth(self, first, first, inums);
    expect_birth(first, state->child, state->child, inums);
    expect_birth(first, thread[0], first, inums);
    expect_birth(first, thread[1], first, inums);
    await_state(first, first, 'Z');
    say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"exit_code\":768,\"last\":0}",
        first);
    const int theirs = open_ns(state->child, "pid");
    MUST(setns(theirs, CLONE_NEWPID) == 0);
    close(theirs);
    pid_t injected = fork();
    if (injected == 0) pause_forever();
    MUST(injected > 0);
    MUST(setns(own, CLONE_NEWPID) == 0);
    go(first, thread[1]);
    await_nonzero(&state->orphaned, "the orphan");
    say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"exit_code\":0,\"heir\":%d}",
        state->middle, first);
    say("state pid %u alive", state->inum);
    hold("leader_gone");

    go(first, thread[0]);
    await_state(first, thread[0], '-');
    go(first, thread[1]);
    await_state(injected, injected, 'Z');
    await_state(state->child, state->child, '-');
    await_state(state->orphan, state->orphan, '-');
    await_zapping(first, thread[1]);
    say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"last\":0}", thread[0]);
    expect_release(thread[0], first, "entry");
    say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"last\":1}", thread[1]);
    say("state pid %u zapping", state->inum);
    hold("zapping");
    reap(injected);
    // Not the leader's 3: a process ends with the status of its last thread
    // (synchronize_group_exit).
    const int status = reap(first);
    if (status != 0) FAIL("the init ended with status %d", status);
    say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", state->child);
    say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", state->orphan);
    expect_release(injected, injected, "entry");
    expect_release(thread[1], first, "entry");
    expect_release(first, first, "entry");
    return 0;
}
