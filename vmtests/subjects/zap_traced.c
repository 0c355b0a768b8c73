// SPDX-License-Identifier: Apache-2.0
//
// A zombie inside a pid namespace that only its tracer outside can reap: it holds up
// zap_pid_ns_processes as one from outside does. The tracer's wait releases it, as the init ignores
// its children by then.
#include <stdatomic.h>
#include <sys/ptrace.h>

#include "subject.h"

struct state {
    _Atomic int child;
    unsigned inum;
};
static struct state* state;

static void init(void) {
    state->inum = inum_at("/proc/thread-self/ns/pid");
    if (fork() == 0) {
        state->child = global_tid();
        pause_forever();
    }
    pause_forever();
}

int main(void) {
    const int self = getpid();
    state = shared(sizeof *state);
    pid_t first = clone3_flags(CLONE_NEWPID);
    if (first == 0) init();
    MUST(first > 0);
    await_nonzero(&state->child, "the init's child");
    const int child = state->child;
    const unsigned inums[2] = {inum_of(self, "pid"), state->inum};
    expect_birth(self, first, first, inums);
    expect_birth(first, child, child, inums);
    MUST(ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0);

    MUST(kill(first, SIGKILL) == 0);
    await_state(child, child, 'Z');
    await_zapping(first, first);
    // The init goes first past its namespaces, then kills the others.
    expect_exit(first, SIGKILL);
    expect_exit(child, SIGKILL);
    say("namespace pid %u {\"state\":\"zapping\",\"teardown\":{\"blocked_by\":[{\"tid\":%d,"
        "\"state\":\"zombie\",\"waits_for\":\"tracer\",\"by\":{\"tid\":%d}}]}}",
        state->inum, child, self);
    hold("zapping");
    MUST(reap(child) == SIGKILL);
    await_state(first, first, 'Z');
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d},\"actor_tid\":%d}", child, self);
    say("namespace pid %u {\"state\":\"dying\",\"teardown\":{\"blocked_by\":[]}}", state->inum);
    hold("dying");
    reap(first);
    expect_release(first, first, "entry");
    return 0;
}
