// SPDX-License-Identifier: Apache-2.0
//
// RLIMIT_NPROC refuses a fork before there is anything to tell, except a user namespace that was
// asked for: copy_creds makes it before the limit is looked at.
#include <stdatomic.h>
#include <sys/resource.h>

#include "subject.h"

int main(void) {
    struct {
        _Atomic int plain;  // errno
        _Atomic int with_user_namespace;
    }* result = shared(sizeof *result);
    block_go();
    const unsigned pid_ns = inum_of(getpid(), "pid");
    pid_t child = fork();
    if (child == 0) {
        MUST(setrlimit(RLIMIT_NPROC, &(struct rlimit){1, 1}) == 0);
        MUST(setresuid(4242, 4242, 4242) == 0);
        await_go();
        pid_t forked = fork();
        if (forked == 0) _exit(0);
        result->plain = forked < 0 ? errno : -1;
        await_go();
        forked = clone3_flags(CLONE_NEWUSER | CLONE_NEWUTS);
        if (forked == 0) _exit(0);
        result->with_user_namespace = forked < 0 ? errno : -1;
        pause_forever();
    }
    MUST(child > 0);
    expect_birth(getpid(), child, child, &pid_ns);
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->plain, "the refused fork");
    if (result->plain != EAGAIN) FAIL("errno %d, not EAGAIN", result->plain);
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->with_user_namespace, "the refused clone");
    if (result->with_user_namespace != EAGAIN) {
        FAIL("errno %d, not EAGAIN", result->with_user_namespace);
    }
    say("expect {\"kind\":\"inum_alloc\",\"actor_tid\":%d}", child);
    say("never {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d}}", child);
    say("never {\"kind\":\"free_pid\",\"actor_tid\":%d}", child);
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", child);
    say("never {\"kind\":\"cred_user_ns\",\"task\":{\"tid\":%d}}", child);
    hold("refused");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    return 0;
}
