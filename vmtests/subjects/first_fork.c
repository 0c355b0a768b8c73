// SPDX-License-Identifier: Apache-2.0
//
// The first fork in a new pid namespace fails after its number was allocated: the namespace can
// never have a process any more, and every later fork ends with ENOMEM.
#include <stdatomic.h>

#include "subject.h"

#define DIRECTORY "/sys/fs/cgroup/nstrail-first-fork"

static int refusal(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child < 0 ? errno : -1;
}

int main(void) {
    struct {
        _Atomic int first;  // errno
        _Atomic int later[2];
    }* result = shared(sizeof *result);
    MUST(mkdir(DIRECTORY, 0755) == 0 || errno == EEXIST);
    block_go();
    pid_t child = fork();
    if (child == 0) {
        await_go();
        MUST(unshare(CLONE_NEWPID) == 0);
        result->first = refusal();
        await_go();
        result->later[0] = refusal();
        result->later[1] = refusal();
        pause_forever();
    }
    MUST(child > 0);
    write_number(DIRECTORY "/cgroup.procs", child);
    write_file(DIRECTORY "/pids.max", "1");
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->first, "the refused first fork");
    if (result->first != EAGAIN) FAIL("errno %d, not EAGAIN", result->first);
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\"}", child);
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0,"
        "\"vpids\":[{},{\"nr\":1}]}",
        child);
    say("expect {\"kind\":\"free_pid\",\"actor_tid\":%d,\"vpids\":[{},{\"nr\":1}]}", child);
    hold("failed");

    write_file(DIRECTORY "/pids.max", "max");
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(&result->later[1], "the forks after it");
    for (int i = 0; i < 2; ++i) {
        if (result->later[i] != ENOMEM) FAIL("errno %d, not ENOMEM", result->later[i]);
        say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":%d,"
            "\"set_tid_size\":0}",
            child, -ENOMEM);
    }
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", child);
    hold("dead");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    MUST(rmdir(DIRECTORY) == 0);
    return 0;
}
