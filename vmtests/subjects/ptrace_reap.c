// SPDX-License-Identifier: Apache-2.0
//
// Zombies that a tracer has to wait for first: of a process whose parent still wants it afterwards,
// of one whose parent ignores it, of one whose tracer ends, and of a thread.
#include <stdatomic.h>
#include <sys/ptrace.h>

#include "subject.h"

struct state {
    _Atomic int child[3];
    _Atomic int thread;
    _Atomic int seized;
    _Atomic int reaped;
};
static struct state* state;

static pid_t parent_of(_Atomic int* tid, void (*handler)(int)) {
    pid_t parent = fork();
    if (parent == 0) {
        MUST(signal(SIGCHLD, handler) != SIG_ERR);
        pid_t child = fork();
        if (child == 0) {
            *tid = global_tid();
            pause_forever();
        }
        await_go();
        MUST(reap(child) == SIGKILL);
        state->reaped = 1;
        pause_forever();
    }
    MUST(parent > 0);
    await_nonzero(tid, "the child to trace");
    return parent;
}

static void kill_traced(pid_t child) {
    MUST(kill(child, SIGKILL) == 0);
    await_state(child, child, 'Z');
}

int main(void) {
    const int self = getpid();
    state = shared(sizeof *state);
    block_go();
    const pid_t waits = parent_of(&state->child[0], SIG_DFL);
    const pid_t ignores = parent_of(&state->child[1], SIG_IGN);
    const pid_t deserted = parent_of(&state->child[2], SIG_IGN);
    const pid_t threaded = fork();
    if (threaded == 0) {
        start_thread(&(struct thread_start){&state->thread, NULL});
        pause_forever();
    }
    MUST(threaded > 0);
    await_nonzero(&state->thread, "the thread to trace");
    const int first = state->child[0];
    const int second = state->child[1];
    const int third = state->child[2];
    const int thread = state->thread;
    MUST(ptrace(PTRACE_SEIZE, first, NULL, NULL) == 0);
    MUST(ptrace(PTRACE_SEIZE, second, NULL, NULL) == 0);
    MUST(ptrace(PTRACE_SEIZE, thread, NULL, NULL) == 0);
    const pid_t tracer = fork();
    if (tracer == 0) {
        MUST(ptrace(PTRACE_SEIZE, third, NULL, NULL) == 0);
        state->seized = 1;
        pause_forever();
    }
    MUST(tracer > 0);
    await_nonzero(&state->seized, "the other tracer");

    kill_traced(first);
    kill_traced(second);
    kill_traced(third);
    expect_exit(first, SIGKILL);
    expect_exit(second, SIGKILL);
    expect_exit(third, SIGKILL);
    // A thread without a tracer would be released by itself.
    MUST(kill(threaded, SIGUSR1) == 0);
    await_state(threaded, thread, 'Z');
    expect_exit(thread, 0);
    hold("zombies");

    MUST(reap(thread) == 0);
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d,\"tgid\":%d},\"actor_tid\":%d}",
        thread, threaded, self);
    MUST(reap(second) == SIGKILL);
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d},\"actor_tid\":%d}", second, self);
    // exit_ptrace() of the other tracer releases what nobody waits for.
    kill_and_reap(tracer);
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d},\"actor_tid\":%d}", third, tracer);
    // Now it is a zombie to its parent.
    MUST(reap(first) == SIGKILL);
    await_state(first, first, 'Z');
    hold("handed_back");
    MUST(kill(waits, SIGUSR1) == 0);
    await_nonzero(&state->reaped, "the parent");
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d},\"actor_tid\":%d}", first, waits);
    kill_and_reap(waits);
    kill_and_reap(ignores);
    kill_and_reap(deserted);
    kill_and_reap(threaded);
    return 0;
}
