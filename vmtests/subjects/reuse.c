// SPDX-License-Identifier: Apache-2.0
//
// Numbers and inums are reused at once, under stress: a small pid_max, one tid asked for again and
// again, and namespaces of changing types that take each other's inums.
#include <stdatomic.h>

#include "subject.h"

enum { few = 30, forks = 150, asked = 20007, rounds = 40, workers = 2 };
static const char limit_file[] = "/proc/sys/kernel/pid_max";
static const char last_file[] = "/proc/sys/kernel/ns_last_pid";

struct state {
    _Atomic int done[workers];
    _Atomic int reused;  // inums that a worker saw again
};
static struct state* state;

static void unshare_on(int shift) {
    static const struct {
        int flag;
        const char* link;
    } steps[] = {{CLONE_NEWUTS, "uts"},       {CLONE_NEWIPC, "ipc"},
                 {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time_for_children"},
                 {CLONE_NEWNS, "mnt"},        {CLONE_NEWUTS, "uts"}};
    enum { count = sizeof steps / sizeof *steps };
    unsigned seen[rounds];
    int reused = 0;
    for (int i = 0; i < rounds; ++i) {
        MUST(unshare(steps[(i + shift) % count].flag) == 0);
        seen[i] = inum_of(getpid(), steps[(i + shift) % count].link);
        for (int before = 0; before < i; ++before) {
            if (seen[before] != seen[i]) continue;
            ++reused;
            break;
        }
        // Its pid namespace's inum goes to the next of any type.
        pid_t child = clone3_flags(CLONE_NEWPID | CLONE_NEWUTS);
        if (child == 0) _exit(0);
        MUST(child > 0);
        reap(child);
    }
    state->reused += reused;
}

static pid_t fork_asked(void) {
    pid_t number = asked;
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&number, .set_tid_size = 1};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

int main(void) {
    state = shared(sizeof *state);
    const long limit = read_number(limit_file);
    const long last = read_number(last_file);
    // The kernel takes none below 301 once it is above 300, and none from pid_max on.
    write_number(limit_file, 300 + few);
    write_number(last_file, 300);
    pid_t worker[workers];
    for (int i = 0; i < workers; ++i) {
        worker[i] = fork();
        if (worker[i] == 0) {
            unshare_on(i);
            state->done[i] = 1;
            pause_forever();
        }
        MUST(worker[i] > 0);
    }
    int wraps = 0;
    pid_t before = 0;
    for (int i = 0; i < forks; ++i) {
        pid_t child = fork();
        if (child == 0) _exit(i & 0x7f);
        MUST(child > 0);
        MUST(reap(child) == (i & 0x7f) << 8);
        wraps += child < before;
        before = child;
    }
    for (int i = 0; i < workers; ++i)
        await_nonzero(&state->done[i], "a worker");
    write_number(limit_file, limit);
    write_number(last_file, last);
    if (wraps < forks / few - 1) FAIL("the numbers wrapped around only %d times", wraps);
    say("note the numbers wrapped around %d times, %d of %d inums were seen before", wraps,
        state->reused, workers * rounds);

    for (int i = 0; i < rounds; ++i) {
        pid_t child = fork_asked();
        if (child == 0) _exit(0);
        MUST(child == asked);
        reap(child);
        say("expect {\"kind\":\"alloc_pid\",\"vpids\":[{\"nr\":%d,\"asked\":%d}]}", asked, asked);
        say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d,\"tgid\":%d}}", asked, asked);
        expect_exit(asked, 0);
        expect_release(asked, asked, "entry");
        expect_free(asked);
    }
    // One of that number, and workers in the last of many namespaces.
    pid_t child = fork_asked();
    if (child == 0) pause_forever();
    MUST(child == asked);
    hold("reused");
    kill_and_reap(child);
    for (int i = 0; i < workers; ++i)
        kill_and_reap(worker[i]);
    return 0;
}
