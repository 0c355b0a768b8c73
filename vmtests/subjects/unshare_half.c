// SPDX-License-Identifier: Apache-2.0
//
// An unshare, and a clone, that fail half way: namespaces are born and die, nobody moves.
#include <stdatomic.h>

#include "subject.h"

enum { before_net = 5 };  // mnt, uts, ipc, pid, cgroup: the order of create_new_namespaces
static const uint64_t many =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET;

static const char net_limit[] = "/proc/sys/user/max_net_namespaces";
static const char time_limit[] = "/proc/sys/user/max_time_namespaces";

int main(void) {
    struct {
        _Atomic int unshared;  // errno
        _Atomic int cloned;
        _Atomic int all;
    }* result = shared(sizeof *result);
    block_go();
    const long net = read_number(net_limit);
    const long time = read_number(time_limit);
    pid_t child = fork();
    if (child == 0) {
        await_go();
        result->unshared = unshare((int)many) < 0 ? errno : -1;
        pid_t forked = clone3_flags(many);
        if (forked == 0) _exit(0);
        result->cloned = forked < 0 ? errno : -1;
        await_go();
        // With a net namespace, which a work queue takes apart, and a user namespace.
        result->all = unshare((int)many | CLONE_NEWTIME | CLONE_NEWUSER) < 0 ? errno : -1;
        pause_forever();
    }
    MUST(child > 0);
    write_number(net_limit, 0);
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->cloned, "the unshare and the clone");
    write_number(net_limit, net);
    if (result->unshared != ENOSPC || result->cloned != ENOSPC) {
        FAIL("errno %d and %d, not ENOSPC", result->unshared, result->cloned);
    }
    for (int i = 0; i < 2 * before_net; ++i) {
        say("expect {\"kind\":\"inum_alloc\",\"actor_tid\":%d}", child);
    }
    hold("half");

    write_number(time_limit, 0);
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->all, "the unshare of everything");
    write_number(time_limit, time);
    if (result->all != ENOSPC) FAIL("errno %d, not ENOSPC", result->all);
    for (int i = 0; i < before_net + 2; ++i) {
        say("expect {\"kind\":\"inum_alloc\",\"actor_tid\":%d}", child);
    }
    say("never {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\"}", child);
    say("never {\"kind\":\"cred_user_ns\",\"task\":{\"tid\":%d}}", child);
    say("never {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d}}", child);
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", child);
    hold("almost");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    return 0;
}
