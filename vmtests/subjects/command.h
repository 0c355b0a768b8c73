// SPDX-License-Identifier: Apache-2.0
//
// What subjects share that run nstrail's commands: the commands themselves, and nested pid
// namespaces to run them on.
#ifndef NSTRAIL_VMTESTS_COMMAND_H
#define NSTRAIL_VMTESTS_COMMAND_H

#include <stdatomic.h>

#include "subject.h"

enum { most_words = 16, most_children = 8 };

// A run of nstrail, by its own tid; what it printed.
struct command {
    pid_t pid;
    int output[2];  // files behind stdout and stderr
    char out[4096];
    char err[4096];
};

// `nstrail WORDS…`, the words parted by single spaces. `before` is called in it before the exec.
static void start_nstrail(struct command* command, void (*before)(void), const char* words) {
    char text[1024];
    char* arguments[most_words + 2] = {"nstrail"};
    MUST(snprintf(text, sizeof text, "%s", words) < (int)sizeof text);
    int count = 1;
    for (char* at = strtok(text, " "); at; at = strtok(NULL, " ")) {
        MUST(count <= most_words);
        arguments[count++] = at;
    }
    for (int i = 0; i < 2; ++i) {
        command->output[i] = (int)syscall(SYS_memfd_create, "output", 0);
        MUST(command->output[i] >= 0);
    }
    command->pid = fork();
    MUST(command->pid >= 0);
    if (command->pid > 0) return;
    const int in = open("/dev/null", O_RDONLY);
    if (in < 0 || dup2(in, 0) < 0 || dup2(command->output[0], 1) < 0) _exit(120);
    if (dup2(command->output[1], 2) < 0) _exit(120);
    close(in);
    close(command->output[0]);
    close(command->output[1]);
    if (before) before();
    execvp(*arguments, arguments);
    _exit(121);
}

// Its exit status.
static int end_of(struct command* command) {
    const int status = reap(command->pid);
    char* texts[2] = {command->out, command->err};
    for (int i = 0; i < 2; ++i) {
        const ssize_t got = pread(command->output[i], texts[i], sizeof command->out - 1, 0);
        MUST(got >= 0);
        texts[i][got] = 0;
        // What a subject says is one line.
        for (char* at = texts[i]; (at = strchr(at, '\n')); *at = ' ')
            continue;
        close(command->output[i]);
    }
    if (!WIFEXITED(status)) FAIL("nstrail ended with wait status %d", status);
    return WEXITSTATUS(status);
}

static int run_nstrail(struct command* command, const char* words) {
    start_nstrail(command, NULL, words);
    return end_of(command);
}

// What it says on stdout or stderr.
static void must_say(const char* words, const char* text, const char* wanted) {
    if (!strstr(text, wanted)) FAIL("nstrail %s: no '%s' in '%s'", words, wanted, text);
}

// The child of a task, once there is one that runs that program.
static pid_t child_running(pid_t parent, const char* comm) {
    char path[64];
    char text[32];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    for (int i = 0; i < 1000; ++i) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        MUST(fd >= 0);
        const ssize_t got = read(fd, text, sizeof text - 1);
        close(fd);
        MUST(got >= 0);
        text[got] = 0;
        const pid_t child = (pid_t)strtol(text, NULL, 10);
        if (child > 0) {
            await_comm(child, comm);
            return child;
        }
        usleep(10000);
    }
    FAIL("task %d has no child", parent);
}

// Pid namespaces below the initial one, which is level 0. The init of each makes the next one and
// stays; the last one forks a child that stays, each time it is told.
struct nest {
    int depth;
    _Atomic int tid[max_levels];
    unsigned inum[max_levels];
    _Atomic int child[most_children];
    int children;
};

static void live_in_nest(struct nest* nest) {
    for (int level = 1; level < nest->depth; ++level) {
        nest->inum[level] = inum_at("/proc/thread-self/ns/pid");
        const pid_t next = clone3_flags(CLONE_NEWPID);
        if (next == 0) continue;
        nest->tid[level] = next > 0 ? global_tid() : -1;
        pause_forever();
    }
    const int level = nest->depth;
    nest->inum[level] = inum_at("/proc/thread-self/ns/pid");
    nest->tid[level] = global_tid();
    for (int i = 0; i < most_children; ++i) {
        await_go();
        const pid_t child = fork();
        if (child == 0) {
            nest->child[i] = global_tid();
            pause_forever();
        }
        if (child < 0) nest->child[i] = -1;
    }
    pause_forever();
}

static struct nest* make_nest(int depth) {
    struct nest* nest = shared(sizeof *nest);
    block_go();
    nest->depth = depth;
    nest->tid[0] = getpid();
    nest->inum[0] = inum_of(getpid(), "pid");
    const pid_t first = clone3_flags(CLONE_NEWPID);
    if (first == 0) live_in_nest(nest);
    MUST(first > 0);
    for (int level = 1; level <= depth; ++level) {
        await_nonzero(&nest->tid[level], "the init of a nested namespace");
        MUST(nest->tid[level] > 0);
    }
    for (int level = 1; level <= depth; ++level) {
        expect_birth(nest->tid[level - 1], nest->tid[level], nest->tid[level], nest->inum);
    }
    return nest;
}

// A new child of the innermost init; its tid.
static int fork_innermost(struct nest* nest) {
    MUST(nest->children < most_children);
    _Atomic int* child = &nest->child[nest->children++];
    MUST(kill(nest->tid[nest->depth], SIGUSR1) == 0);
    await_nonzero(child, "a child of the innermost init");
    MUST(*child > 0);
    return *child;
}

static void must_have_number(int tid, int level, int wanted) {
    int numbers[max_levels];
    MUST(numbers_of(tid, numbers) > level);
    if (numbers[level] != wanted) {
        FAIL("tid %d has number %d at level %d, not %d", tid, numbers[level], level, wanted);
    }
}

#endif
