// SPDX-License-Identifier: Apache-2.0
//
// kill -9 of a pid namespace's init takes everything in it along: its children, and a namespace
// nested in it with processes of its own.
#include <stdatomic.h>

#include "subject.h"

enum { children = 3, grandchildren = 2 };
struct family {
    _Atomic int child[children];
    _Atomic int nested_init;
    _Atomic int grandchild[grandchildren];
    unsigned outer_inum;
    unsigned nested_inum;
};
static struct family* family;

static void nested_init(void) {
    family->nested_inum = inum_at("/proc/thread-self/ns/pid");
    family->nested_init = global_tid();
    for (int i = 0; i < grandchildren; ++i) {
        if (fork() == 0) {
            family->grandchild[i] = global_tid();
            pause_forever();
        }
    }
    pause_forever();
}

static void outer_init(void) {
    family->outer_inum = inum_at("/proc/thread-self/ns/pid");
    for (int i = 0; i < children; ++i) {
        if (fork() == 0) {
            family->child[i] = global_tid();
            pause_forever();
        }
    }
    if (clone3_flags(CLONE_NEWPID) == 0) nested_init();
    pause_forever();
}

int main(void) {
    family = shared(sizeof *family);
    pid_t init = clone3_flags(CLONE_NEWPID);
    if (init == 0) outer_init();
    MUST(init > 0);
    for (int i = 0; i < children; ++i)
        await_nonzero(&family->child[i], "a child");
    for (int i = 0; i < grandchildren; ++i)
        await_nonzero(&family->grandchild[i], "a grandchild");
    const unsigned inums[3] = {inum_of(getpid(), "pid"), family->outer_inum, family->nested_inum};
    expect_birth(getpid(), init, init, inums);
    for (int i = 0; i < children; ++i) {
        expect_birth(init, family->child[i], family->child[i], inums);
    }
    expect_birth(init, family->nested_init, family->nested_init, inums);
    for (int i = 0; i < grandchildren; ++i) {
        expect_birth(family->nested_init, family->grandchild[i], family->grandchild[i], inums);
    }
    hold("family");

    // A child of the nested namespace whose parent goes on: it becomes a zombie there.
    MUST(kill(family->grandchild[0], SIGKILL) == 0);
    await_state(family->grandchild[0], family->grandchild[0], 'Z');
    expect_exit(family->grandchild[0], SIGKILL);
    hold("grandchild_zombie");

    kill_and_reap(init);
    for (int i = 0; i < grandchildren; ++i) {
        say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", family->grandchild[i]);
    }
    for (int i = 0; i < children; ++i) {
        say("anywhere {\"kind\":\"task_release\",\"task\":{\"tid\":%d}}", family->child[i]);
    }
    expect_release(family->nested_init, family->nested_init, "entry");
    expect_release(init, init, "entry");
    hold("gone");
    return 0;
}
