// SPDX-License-Identifier: Apache-2.0
//
// The four ways into a user namespace: unshare, clone, setns, and setns by pidfd with other
// namespaces at once. It belongs to the credentials, not to nsproxy: an unshare switches first and
// commits the credentials then, a setns the other way round.
#include <stdatomic.h>

#include "subject.h"

enum { ways = 4 };
static const uint64_t with_others = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;

static void expect_creds(int tid, unsigned before, unsigned after) {
    say("expect {\"kind\":\"cred_user_ns\",\"task\":{\"tid\":%d},\"before\":%u,\"after\":%u}", tid,
        before, after);
}

static void expect_uts(int tid, unsigned before, unsigned after) {
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\","
        "\"before\":{\"uts\":%u},\"after\":{\"uts\":%u}}",
        tid, before, after);
}

int main(void) {
    const int self = getpid();
    struct {
        _Atomic int done[ways];
        _Atomic int refused;
        _Atomic unsigned nested;  // between the two of a double unshare
    }* state = shared(sizeof *state);
    const unsigned own = inum_of(self, "user");
    const unsigned own_uts = inum_of(self, "uts");

    const pid_t cloned = clone3_flags(with_others);
    if (cloned == 0) pause_forever();
    MUST(cloned > 0);
    const unsigned theirs = inum_of(cloned, "user");
    const unsigned their_uts = inum_of(cloned, "uts");
    MUST(theirs != own && their_uts != own_uts);
    say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d},\"ns\":{\"user\":%u,\"uts\":%u}}",
        cloned, theirs, their_uts);
    say("never {\"kind\":\"cred_user_ns\",\"task\":{\"tid\":%d}}", cloned);

    const pid_t unshared = fork();
    if (unshared == 0) {
        MUST(unshare((int)with_others) == 0);
        state->nested = inum_at("/proc/thread-self/ns/user");
        // One below it, which asks for a user that the first one knows.
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", "0 0 1");
        write_file("/proc/self/gid_map", "0 0 1");
        MUST(unshare(CLONE_NEWUSER) == 0);
        state->done[0] = 1;
        pause_forever();
    }
    MUST(unshared > 0);
    await_nonzero(&state->done[0], "the unshare");
    expect_uts(unshared, own_uts, inum_of(unshared, "uts"));
    expect_creds(unshared, own, state->nested);
    expect_creds(unshared, state->nested, inum_of(unshared, "user"));

    const pid_t entered = fork();
    if (entered == 0) {
        MUST(setns(open_ns(cloned, "user"), CLONE_NEWUSER) == 0);
        MUST(setns(open_ns(cloned, "uts"), CLONE_NEWUTS) == 0);
        // Neither into the one it is in nor back up.
        state->refused = setns(open_ns(cloned, "user"), CLONE_NEWUSER) < 0 ? errno : -1;
        state->done[1] = 1;
        pause_forever();
    }
    MUST(entered > 0);
    await_nonzero(&state->done[1], "the setns");
    if (state->refused != EINVAL) FAIL("setns into the own namespace: errno %d", state->refused);
    expect_creds(entered, own, theirs);
    expect_uts(entered, own_uts, their_uts);

    const pid_t by_pidfd = fork();
    if (by_pidfd == 0) {
        MUST(setns(open_pidfd(cloned), (int)with_others) == 0);
        state->done[2] = 1;
        pause_forever();
    }
    MUST(by_pidfd > 0);
    await_nonzero(&state->done[2], "the setns by pidfd");
    expect_creds(by_pidfd, own, theirs);
    expect_uts(by_pidfd, own_uts, their_uts);
    hold("moved");

    kill_and_reap(unshared);
    kill_and_reap(cloned);
    kill_and_reap(entered);
    kill_and_reap(by_pidfd);
    expect_release(by_pidfd, by_pidfd, "entry");
    return 0;
}
