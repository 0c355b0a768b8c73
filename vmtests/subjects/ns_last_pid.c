// SPDX-License-Identifier: Apache-2.0
//
// A pid namespace writes its own kernel.ns_last_pid: the next number follows it, and wraps around
// above pid_max to RESERVED_PIDS.
#include <stdatomic.h>
#include <sys/mount.h>

#include "subject.h"

enum { chosen = 41, reserved_pids = 300 };
struct state {
    _Atomic int follower;  // gets the number after the one written
    _Atomic int wrapped;   // after the highest number there is
    _Atomic int refused;   // errno of a write beyond it
    unsigned inum;
    int highest;
};
static struct state* state;

#define DIRECTORY "/tmp/nstrail-proc"
static const char last_pid[] = DIRECTORY "/sys/kernel/ns_last_pid";

static void init(void) {
    state->inum = inum_at("/proc/thread-self/ns/pid");
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    MUST(mount("proc", DIRECTORY, "proc", 0, NULL) == 0);
    write_number(last_pid, chosen);
    MUST(read_number(last_pid) == chosen);
    if (fork() == 0) {
        state->follower = global_tid();
        pause_forever();
    }
    await_nonzero(&state->follower, "the child after the number written");
    write_number(last_pid, state->highest);
    if (fork() == 0) {
        state->wrapped = global_tid();
        pause_forever();
    }
    await_nonzero(&state->wrapped, "the child after the highest number");
    int fd = open(last_pid, O_WRONLY | O_CLOEXEC);
    MUST(fd >= 0);
    MUST(write(fd, "99999999", 8) < 0);
    state->refused = errno;
    pause_forever();
}

int main(void) {
    state = shared(sizeof *state);
    state->highest = (int)read_number("/proc/sys/kernel/pid_max") - 1;
    MUST(mkdir(DIRECTORY, 0755) == 0 || errno == EEXIST);
    pid_t child = clone3_flags(CLONE_NEWPID | CLONE_NEWNS);
    if (child == 0) init();
    MUST(child > 0);
    await_nonzero(&state->refused, "the writes");
    if (state->refused != EINVAL) FAIL("a write beyond pid_max: errno %d", state->refused);
    const unsigned inums[2] = {inum_of(getpid(), "pid"), state->inum};
    const struct {
        int written, tid, number;
    } steps[] = {{chosen, state->follower, chosen + 1},
                 {state->highest, state->wrapped, reserved_pids}};
    expect_birth(getpid(), child, child, inums);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i) {
        int numbers[max_levels];
        MUST(numbers_of(steps[i].tid, numbers) == 2);
        if (numbers[1] != steps[i].number) FAIL("number %d, not %d", numbers[1], steps[i].number);
        say("expect {\"kind\":\"ns_last_pid\",\"actor\":{\"tid\":%d},\"pid_namespace\":%u,"
            "\"value\":%d}",
            child, state->inum, steps[i].written);
        expect_birth(child, steps[i].tid, steps[i].tid, inums);
    }
    say("never {\"kind\":\"ns_last_pid\",\"value\":99999999}");
    hold("written");
    kill_and_reap(child);
    expect_release(child, child, "entry");
    MUST(rmdir(DIRECTORY) == 0);
    return 0;
}
