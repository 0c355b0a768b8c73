// SPDX-License-Identifier: Apache-2.0
//
// Threads of one process, one of which has namespaces of its own: nsproxy belongs to the thread.
#include <stdatomic.h>

#include "subject.h"

enum { threads = 3 };
static _Atomic int tids[threads];
static _Atomic int unshared;
static _Atomic int may_end;

static void* body(void* argument) {
    size_t index = (size_t)argument;
    tids[index] = global_tid();
    if (index == 1) {
        MUST(unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP) == 0);
        unshared = 1;
    }
    while (!may_end)
        usleep(5000);
    return NULL;
}

int main(void) {
    const int self = getpid();
    const unsigned pid_ns = inum_of(self, "pid");
    pthread_t handles[threads];
    for (size_t i = 0; i < threads; ++i) {
        MUST(pthread_create(&handles[i], NULL, body, (void*)i) == 0);
        await_nonzero(&tids[i], "a thread to start");
        expect_birth(self, tids[i], self, &pid_ns);
    }
    await_nonzero(&unshared, "a thread to unshare");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/ns/uts", tids[1]);
    say("anywhere {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d,\"tgid\":%d},\"via\":\"switched\","
        "\"before\":{\"uts\":%u},\"after\":{\"uts\":%u}}",
        tids[1], self, inum_of(self, "uts"), inum_at(path));
    say("never {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\"}", tids[0]);
    hold("three");
    may_end = 1;
    for (size_t i = 0; i < threads; ++i)
        MUST(pthread_join(handles[i], NULL) == 0);
    for (size_t i = 0; i < threads; ++i) {
        // pthread_join returns before the kernel released the thread.
        await_state(self, tids[i], '-');
        say("anywhere {\"kind\":\"task_exit\",\"task\":{\"tid\":%d,\"tgid\":%d},\"exit_code\":0}",
            tids[i], self);
        say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d,\"tgid\":%d},"
            "\"via\":\"entry\"}",
            tids[i], self);
    }
    hold("joined");
    return 0;
}
