// SPDX-License-Identifier: Apache-2.0
//
// Tasks that change their names without an exec.
#include <stdatomic.h>

#include "subject.h"

static _Atomic int renamed;
static _Atomic int may_end;

static void* body(void* unused) {
    (void)unused;
    say("anywhere {\"kind\":\"task_rename\",\"task\":{\"tid\":%d,\"tgid\":%d}}", global_tid(),
        getpid());
    MUST(prctl(PR_SET_NAME, "thread \"x\"\\") == 0);
    renamed = 1;
    while (!may_end)
        usleep(5000);
    return NULL;
}

int main(void) {
    pthread_t handle;
    MUST(pthread_create(&handle, NULL, body, NULL) == 0);
    await_nonzero(&renamed, "the thread");
    MUST(prctl(PR_SET_NAME, "(leader) Z 1 2") == 0);
    hold("renamed");
    may_end = 1;
    MUST(pthread_join(handle, NULL) == 0);
    return 0;
}
