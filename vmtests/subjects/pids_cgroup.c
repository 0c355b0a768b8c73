// SPDX-License-Identifier: Apache-2.0
//
// The pids cgroup refuses a fork after its pid was allocated: the numbers and the namespaces of the
// half-made child go again, and no task is ever announced.
#include <stdatomic.h>

#include "subject.h"

#define DIRECTORY "/sys/fs/cgroup/nstrail-vmtests"

struct result {
    _Atomic int done;
    int plain;  // errno of a plain fork
    int with_namespaces;
};

int main(void) {
    const int self = getpid();
    struct result* result = shared(sizeof *result);
    MUST(mkdir(DIRECTORY, 0755) == 0 || errno == EEXIST);
    block_go();
    pid_t child = fork();
    if (child == 0) {
        await_go();
        pid_t forked = fork();
        if (forked == 0) _exit(0);
        result->plain = forked < 0 ? errno : -1;
        forked = clone3_flags(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID);
        if (forked == 0) _exit(0);
        result->with_namespaces = forked < 0 ? errno : -1;
        result->done = 1;
        pause_forever();
    }
    MUST(child > 0);
    write_number(DIRECTORY "/cgroup.procs", child);
    write_file(DIRECTORY "/pids.max", "1");
    const unsigned pid_ns = inum_of(self, "pid");
    expect_birth(self, child, child, &pid_ns);
    hold("limited");
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->done, "the refused forks");
    if (result->plain != EAGAIN || result->with_namespaces != EAGAIN) {
        FAIL("errno %d and %d, not EAGAIN", result->plain, result->with_namespaces);
    }
    // copy_process undoes in this order: free_pid, then exit_task_namespaces of the child.
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0}", child);
    say("expect {\"kind\":\"free_pid\",\"actor_tid\":%d}", child);
    say("expect {\"kind\":\"ns_switch\",\"actor_tid\":%d,\"via\":\"exit\",\"after\":null}", child);
    for (int i = 0; i < 3; ++i) {
        say("expect {\"kind\":\"inum_alloc\",\"actor_tid\":%d}", child);
    }
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0}", child);
    say("expect {\"kind\":\"free_pid\",\"actor_tid\":%d}", child);
    say("expect {\"kind\":\"ns_switch\",\"actor_tid\":%d,\"via\":\"exit\",\"after\":null}", child);
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", child);
    hold("refused");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    MUST(rmdir(DIRECTORY) == 0);
    return 0;
}
