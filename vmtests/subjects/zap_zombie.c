// SPDX-License-Identifier: Apache-2.0
//
// A zombie that holds up zap_pid_ns_processes: a process put into the pid namespace from outside,
// whose parent does not wait for it. Until it does the init is neither alive nor a zombie.
#include <stdatomic.h>

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
    await_nonzero(&state->child, "the init's own child");
    const int own = open_ns(self, "pid");
    const int theirs = open_ns(first, "pid");
    MUST(setns(theirs, CLONE_NEWPID) == 0);
    pid_t injected = fork();
    if (injected == 0) pause_forever();
    MUST(injected > 0);
    const unsigned inums[2] = {inum_of(self, "pid"), state->inum};
    expect_birth(self, first, first, inums);
    expect_birth(first, state->child, state->child, inums);
    expect_birth(self, injected, injected, inums);
    hold("injected");

    MUST(kill(first, SIGKILL) == 0);
    await_state(injected, injected, 'Z');
    await_state(state->child, state->child, '-');
    await_zapping(first, first);
    expect_exit(first, SIGKILL);
    // Nobody is born there any more.
    MUST(fork() < 0);
    if (errno != ENOMEM) FAIL("a fork into a dying namespace: errno %d, not ENOMEM", errno);
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"pid_namespace\":%u,\"error\":%d}",
        self, state->inum, -ENOMEM);
    say("anywhere {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"exit_code\":%d}", injected,
        SIGKILL);
    say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", state->child);
    say("state pid %u zapping", state->inum);
    say("namespace pid %u {\"teardown\":{\"blocked_by\":[{\"tid\":%d,\"state\":\"zombie\","
        "\"waits_for\":\"parent\",\"by\":{\"tid\":%d}}]}}",
        state->inum, injected, self);
    hold("zapping");

    reap(injected);
    await_state(first, first, 'Z');
    expect_release(injected, injected, "entry");
    say("namespace pid %u {\"state\":\"dying\",\"teardown\":{\"blocked_by\":[]}}", state->inum);
    hold("dying");
    MUST(setns(own, CLONE_NEWPID) == 0);
    reap(first);
    expect_release(first, first, "entry");
    // Only the descriptor is left.
    say("namespace pid %u {\"state\":\"empty\",\"teardown\":null}", state->inum);
    hold("empty");
    return 0;
}
