// SPDX-License-Identifier: Apache-2.0
//
// A child lives, dies, waits as a zombie, and is reaped.
#include "subject.h"

int main(void) {
    const unsigned pid_ns = inum_of(getpid(), "pid");
    block_go();
    pid_t child = fork();
    if (child == 0) {
        await_go();
        _exit(7);
    }
    MUST(child > 0);
    expect_birth(getpid(), child, child, &pid_ns);
    hold("alive");
    MUST(kill(child, SIGUSR1) == 0);
    await_state(child, child, 'Z');
    expect_exit(child, 7 << 8);
    hold("zombie");
    MUST(reap(child) == 7 << 8);
    expect_release(child, child, "entry");
    expect_free(child);
    hold("reaped");
    return 0;
}
