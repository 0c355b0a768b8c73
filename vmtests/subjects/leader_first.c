// SPDX-License-Identifier: Apache-2.0
//
// The thread group leader exits first and waits as a zombie for its thread. Nobody waits for the
// process (SIGCHLD is ignored), so that the thread's release_task releases the leader in its loop.
#include <stdatomic.h>

#include "subject.h"

static _Atomic int* thread_tid;

int main(void) {
    thread_tid = shared(sizeof *thread_tid);
    MUST(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    block_go();
    const unsigned pid_ns = inum_of(getpid(), "pid");
    pid_t child = fork();
    if (child == 0) {
        start_thread(&(struct thread_start){thread_tid, NULL});
        await_nonzero(thread_tid, "the thread");
        syscall(SYS_exit, 0);
    }
    MUST(child > 0);
    await_nonzero(thread_tid, "the thread");
    await_state(child, child, 'Z');
    expect_birth(getpid(), child, child, &pid_ns);
    expect_birth(child, *thread_tid, child, &pid_ns);
    expect_exit(child, 0);
    hold("zombie_leader");
    MUST(kill(child, SIGUSR1) == 0);
    await_state(child, child, '-');
    expect_exit(*thread_tid, 0);
    expect_release(*thread_tid, child, "entry");
    expect_release(child, child, "loop");
    hold("gone");
    return 0;
}
