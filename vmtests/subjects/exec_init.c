// SPDX-License-Identifier: Apache-2.0
//
// A thread of a pid namespace's init executes a program: it becomes number 1 there and the reaper,
// and its own number is freed with the old leader.
#include <stdatomic.h>

#include "subject.h"

struct state {
    _Atomic int thread;
    _Atomic int child;
    unsigned inum;
};
static struct state* state;

static void run_another(void) {
    char* arguments[] = {"init", "wait", NULL};
    execv("/proc/self/exe", arguments);
    _exit(97);
}

static void init(void) {
    state->inum = inum_at("/proc/thread-self/ns/pid");
    if (fork() == 0) {
        state->child = global_tid();
        pause_forever();
    }
    await_nonzero(&state->child, "the child");
    start_thread(&(struct thread_start){&state->thread, run_another});
    pause_forever();
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "wait") == 0) pause_forever();
    state = shared(sizeof *state);
    block_go();
    const pid_t first = clone3_flags(CLONE_NEWPID);
    if (first == 0) init();
    MUST(first > 0);
    await_nonzero(&state->thread, "the thread");
    const int thread = state->thread;
    const unsigned inums[2] = {inum_of(getpid(), "pid"), state->inum};
    expect_birth(getpid(), first, first, inums);
    expect_birth(first, state->child, state->child, inums);
    expect_birth(first, thread, first, inums);
    MUST(kill(first, SIGUSR1) == 0);
    await_comm(first, "exe");
    say("expect {\"kind\":\"exchange_tids\",\"task\":{\"tid\":%d},\"leader\":{\"tid\":%d}}", thread,
        first);
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d,\"tgid\":%d}}", thread, first);
    say("expect {\"kind\":\"free_pid\",\"vpids\":[{\"nr\":%d},{\"nr\":3}]}", thread);
    say("expect {\"kind\":\"task_exec\",\"task\":{\"tid\":%d},\"old_tid\":%d}", first, thread);
    say("state pid %u alive", state->inum);
    hold("executed");
    kill_and_reap(first);
    say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", state->child);
    expect_exit(first, SIGKILL);
    expect_release(first, first, "entry");
    return 0;
}
