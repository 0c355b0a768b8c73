// SPDX-License-Identifier: Apache-2.0
//
// Has the module vmtests/violator break one promise of the kernel, on tasks of its own, and undo
// that again: breach NAME. Prints `breach TID NS`: of which task, and the boot time just before.
#include <time.h>

#include "subjects/subject.h"

static int device = -1;

static void open_device(void) {
    device = open("/dev/violator", O_WRONLY | O_CLOEXEC);
    MUST(device >= 0);
}

static void command(const char* text, int tid) {
    char line[64];
    const int length = tid ? snprintf(line, sizeof line, "%s %d", text, tid)
                           : snprintf(line, sizeof line, "%s", text);
    if (write(device, line, (size_t)length) != length) FAIL("%s: %s", line, strerror(errno));
}

static int64_t now(void) {
    struct timespec time;
    MUST(clock_gettime(CLOCK_BOOTTIME, &time) == 0);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void tell(int tid, int64_t at) {
    say("breach %d %lld", tid, (long long)at);
}

// A child with another uts namespace gets that of its parent.
static void foreign_switch(void) {
    _Atomic int* ready = shared(sizeof *ready);
    const pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        if (unshare(CLONE_NEWUTS) != 0) _exit(97);
        *ready = 1;
        pause_forever();
    }
    await_nonzero(ready, "a child in a new uts namespace");
    await_state(child, child, 'S');
    MUST(inum_of(child, "uts") != inum_of(getpid(), "uts"));
    const int64_t at = now();
    command("foreign_switch", child);
    tell(child, at);
    MUST(inum_of(child, "uts") == inum_of(getpid(), "uts"));
    kill_and_reap(child);
}

// A child has a file of its own, whose end comes late in its exit and does it.
static void switch_after_null(void) {
    int64_t* at = shared(sizeof *at);
    const pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        open_device();
        command("switch_after_null", 0);
        *at = now();
        _exit(0);
    }
    MUST(reap(child) == 0);
    tell(child, *at);
}

static void unheld(void) {
    const int64_t at = now();
    command("unheld", 0);
    tell(getpid(), at);
}

// The first task of a new pid namespace is active in the initial one while it unshares.
static void pid_ns_field(void) {
    _Atomic int* done = shared(sizeof *done);
    block_go();
    const pid_t child = clone3_flags(CLONE_NEWPID);
    MUST(child >= 0);
    if (child == 0) {
        await_go();
        if (unshare(CLONE_NEWUTS) != 0) _exit(97);
        *done = 1;
        pause_forever();
    }
    const unsigned inum = inum_of(child, "pid");
    const int64_t at = now();
    command("pid_ns_field", child);
    MUST(inum_of(child, "pid") == inum_of(getpid(), "pid"));
    MUST(kill(child, SIGUSR1) == 0);
    await_nonzero(done, "a child that unshares");
    tell(child, at);
    command("restore", 0);
    MUST(inum_of(child, "pid") == inum);
    kill_and_reap(child);
}

static void undead(void) {
    const pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) _exit(0);
    await_state(child, child, 'Z');
    command("undead", child);
    const int64_t at = now();
    MUST(reap(child) == 0);
    tell(child, at);
    command("restore", 0);
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        void (*act)(void);
    } breaches[] = {
        {"foreign_switch", foreign_switch},
        {"switch_after_null", switch_after_null},
        {"unheld", unheld},
        {"pid_ns_field", pid_ns_field},
        {"undead", undead},
    };
    MUST(argc == 2);
    open_device();
    for (size_t i = 0; i < sizeof breaches / sizeof *breaches; ++i) {
        if (strcmp(argv[1], breaches[i].name) != 0) continue;
        breaches[i].act();
        return 0;
    }
    FAIL("there is no breach %s", argv[1]);
}
