// SPDX-License-Identifier: Apache-2.0
//
// A daemon by the book: fork, setsid, fork again, and the middle ends. Twice the number of a task
// that is gone stays in use, and goes with the daemon.
#include <stdatomic.h>

#include "subject.h"

int main(void) {
    const int self = getpid();
    _Atomic int* daemon = shared(sizeof *daemon);
    pid_t middle = fork();
    if (middle == 0) {
        MUST(setsid() == getpid());
        if (fork() == 0) {
            MUST(chdir("/") == 0);
            close(STDIN_FILENO);
            *daemon = global_tid();
            pause_forever();
        }
        await_nonzero(daemon, "the daemon");
        _exit(0);
    }
    MUST(middle > 0 && reap(middle) == 0);
    say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d},\"ppid\":%d}", middle, self);
    say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d},\"ppid\":%d}", *daemon, middle);
    say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"last\":1,\"heir\":1}", middle);
    expect_release(middle, middle, "entry");
    hold("daemon");
    MUST(kill(*daemon, SIGKILL) == 0);
    await_state(*daemon, *daemon, '-');
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d},\"actor_tid\":1}", *daemon);
    expect_free(middle);
    return 0;
}
