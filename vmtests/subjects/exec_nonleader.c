// SPDX-License-Identifier: Apache-2.0
//
// A thread that is not the leader calls exec: it takes the leader's tid and start time, and the old
// leader is released under the thread's tid.
#include <stdatomic.h>

#include "subject.h"

static _Atomic int* thread_tid;

static void run_another(void) {
    char* arguments[] = {"renamed", "wait", NULL};
    execv("/proc/self/exe", arguments);
    _exit(97);
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "wait") == 0) pause_forever();
    thread_tid = shared(sizeof *thread_tid);
    block_go();
    const unsigned pid_ns = inum_of(getpid(), "pid");
    pid_t child = fork();
    if (child == 0) {
        start_thread(&(struct thread_start){thread_tid, run_another});
        pause_forever();
    }
    MUST(child > 0);
    await_nonzero(thread_tid, "the thread");
    expect_birth(getpid(), child, child, &pid_ns);
    expect_birth(child, *thread_tid, child, &pid_ns);
    hold("before_exec");
    MUST(kill(child, SIGUSR1) == 0);
    await_state(child, *thread_tid, '-');
    // The leader's pid is the same before and after; the new program's name is the sign.
    await_comm(child, "exe");
    say("expect {\"kind\":\"exchange_tids\",\"task\":{\"tid\":%d,\"tgid\":%d},"
        "\"leader\":{\"tid\":%d}}",
        *thread_tid, child, child);
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d,\"tgid\":%d}}", *thread_tid, child);
    say("expect {\"kind\":\"task_exec\",\"task\":{\"tid\":%d,\"tgid\":%d},"
        "\"old_tid\":%d,\"comm\":\"exe\"}",
        child, child, *thread_tid);
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", *thread_tid);
    hold("after_exec");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    hold("killed");
    return 0;
}
