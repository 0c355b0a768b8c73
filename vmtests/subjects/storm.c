// SPDX-License-Identifier: Apache-2.0
//
// kill -9 amid forks: of the init of a pid namespace whose processes fork, clone threads and
// namespaces as fast as they can. Whatever was half done is gone afterwards.
#include <stdatomic.h>

#include "subject.h"

enum { storms = 3, forkers = 3 };
struct state {
    _Atomic int going;  // forkers that have forked
    _Atomic int inits;
};
static struct state* state;

static void* thread(void* unused) {
    return unused;
}

static void fork_on(int kind) {
    MUST(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    for (int i = 0;; ++i) {
        pid_t child = kind == 0   ? fork()
                      : kind == 1 ? clone3_flags(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)
                                  : 1;
        if (child == 0) {
            if (i % 2 == 0 && fork() == 0) _exit(0);
            _exit(0);
        }
        pthread_t handle;
        if (kind == 2 && pthread_create(&handle, NULL, thread, NULL) == 0) {
            pthread_join(handle, NULL);
        }
        if (i == 3) ++state->going;
    }
}

static void init(void) {
    for (int kind = 0; kind < forkers; ++kind) {
        if (fork() == 0) fork_on(kind);
    }
    // The orphans come to it.
    for (;;)
        waitpid(-1, NULL, 0);
}

int main(void) {
    state = shared(sizeof *state);
    for (int i = 0; i < storms; ++i) {
        state->going = 0;
        pid_t child = clone3_flags(CLONE_NEWPID);
        if (child == 0) init();
        MUST(child > 0);
        for (int waited = 0; waited < 2000 && state->going < forkers; ++waited)
            usleep(5000);
        if (state->going < forkers) FAIL("the storm does not begin");
        usleep(20000 * (useconds_t)i);
        kill_and_reap(child);
        say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"exit_code\":%d}", child,
            SIGKILL);
        expect_release(child, child, "entry");
    }
    hold("calm");
    return 0;
}
