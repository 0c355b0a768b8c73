// SPDX-License-Identifier: Apache-2.0
//
// Numbers that outlive their task, as the id of a session or process group: the last user frees
// them, much later, by a setsid of its own. Until then they are taken, although /proc shows nobody.
#include <stdatomic.h>

#include "subject.h"

struct state {
    _Atomic int member;
    _Atomic int group_leader;
    _Atomic int group_member;
    _Atomic int left;
};
static struct state* state;

// Becomes a leader, and leaves a member behind that leaves at "go on".
static void leader(_Atomic int* member) {
    if (fork() == 0) {
        *member = global_tid();
        await_go();
        MUST(setsid() == getpid());
        state->left = 1;
        pause_forever();
    }
    await_nonzero(member, "the member");
    _exit(0);
}

// setsid of a process that leads no group.
static void leave(int member, int number) {
    state->left = 0;
    MUST(kill(member, SIGUSR1) == 0);
    await_nonzero(&state->left, "the setsid");
    say("expect {\"kind\":\"free_pid\",\"actor_tid\":%d,\"vpids\":[{\"nr\":%d}]}", member, number);
}

static int ask_for(int number) {
    pid_t wanted = number;
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&wanted, .set_tid_size = 1};
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) _exit(0);
    if (child > 0) reap(child);
    return child < 0 ? errno : 0;
}

int main(void) {
    const int self = getpid();
    state = shared(sizeof *state);
    block_go();
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t session = fork();
    if (session == 0) {
        MUST(setsid() == getpid());
        leader(&state->member);
    }
    MUST(session > 0 && reap(session) == 0);
    pid_t group = fork();
    if (group == 0) {
        MUST(setpgid(0, 0) == 0);
        leader(&state->group_member);
    }
    MUST(group > 0 && reap(group) == 0);
    MUST(getsid(state->member) == session && getpgid(state->group_member) == group);
    expect_release(session, session, "entry");
    expect_release(group, group, "entry");
    // EEXIST without a holder that /proc could show.
    MUST(ask_for(session) == EEXIST && ask_for(group) == EEXIST);
    const int numbers[2] = {session, group};
    for (int i = 0; i < 2; ++i) {
        say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":%d,"
            "\"vpids\":[{\"asked\":%d}]}",
            self, -EEXIST, numbers[i]);
    }
    hold("outlived");

    leave(state->member, session);
    leave(state->group_member, group);
    for (int i = 0; i < 2; ++i) {
        MUST(ask_for(numbers[i]) == 0);
        say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0,"
            "\"vpids\":[{\"nr\":%d,\"asked\":%d}]}",
            self, numbers[i], numbers[i]);
    }
    hold("left");
    kill_and_reap(state->member);
    kill_and_reap(state->group_member);
    return 0;
}
