// SPDX-License-Identifier: Apache-2.0
//
// What every subject shares. A subject acts, and prints its own truth on stdout:
//   expect {json}    this event, after the one expected before it
//   anywhere {json}  this event, anywhere in the scene
//   never {json}     no such event in the scene
//   state TYPE INUM STATE, namespace TYPE INUM {json}, task TID {json}
//                    at the next hold the tree has the namespace or task with at least this
//   tracked TYPE INUM {json}  so, but in the agent's tree alone: one made afresh cannot know it
//   why INUM {json}  at the next hold this holds the namespace; all that hold it are told so
//   hold NAME        nothing moves now; the subject goes on after a line on stdin
//   fail TEXT        the subject itself could not do what it meant to
// A JSON object matches every one that has at least its members, a text that ends in * all that
// begin so. Expectations state only orders that the kernel guarantees: what a task does, and what
// it causes in others.
#ifndef NSTRAIL_VMTESTS_SUBJECT_H
#define NSTRAIL_VMTESTS_SUBJECT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { max_levels = 33 };  // the initial pid namespace, and 32 below it

// Each subject uses its own part of this file.
#pragma GCC diagnostic ignored "-Wunused-function"

// One write per line: children write to the same pipe.
__attribute__((format(printf, 1, 2))) static void say(const char* format, ...) {
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof line - 1) abort();
    line[length] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length + 1) != length + 1) _exit(98);
}

// Ends the subject; children end with their own status, which their parent checks.
#define FAIL(...)                 \
    do {                          \
        say("fail " __VA_ARGS__); \
        exit(1);                  \
    } while (0)
#define MUST(condition)                                                                           \
    do {                                                                                          \
        if (!(condition)) FAIL("%s:%d: %s: %s", __FILE__, __LINE__, #condition, strerror(errno)); \
    } while (0)

static void hold(const char* name) {
    say("hold %s", name);
    char byte = 0;
    do {
        MUST(read(STDIN_FILENO, &byte, 1) == 1);
    } while (byte != '\n');
}

// The inum behind a link such as /proc/self/ns/uts, 0 when the kernel shows none.
static unsigned inum_at(const char* path) {
    char link[64] = {0};
    if (readlink(path, link, sizeof link - 1) < 0) return 0;
    const char* bracket = strchr(link, '[');
    return bracket ? (unsigned)strtoul(bracket + 1, NULL, 10) : 0;
}

static unsigned inum_of(int pid, const char* type) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, type);
    return inum_at(path);
}

// The tid as the initial pid namespace numbers it, whichever one the caller is in: /proc was
// mounted in the initial one.
static int global_tid(void) {
    char link[64] = {0};
    MUST(readlink("/proc/thread-self", link, sizeof link - 1) > 0);
    return atoi(strrchr(link, '/') + 1);
}

// The numbers of a task from the initial pid namespace inwards; returns how many.
static int numbers_of(int tid, int numbers[max_levels]) {
    char path[64];
    char line[1024];
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE* file = fopen(path, "re");
    MUST(file != NULL);
    int count = 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "NSpid:", 6) != 0) continue;
        char* at = line + 6;
        char* end = NULL;
        for (long n = strtol(at, &end, 10); end != at && count < max_levels;
             n = strtol(at, &end, 10)) {
            numbers[count++] = (int)n;
            at = end;
        }
    }
    fclose(file);
    MUST(count > 0);
    return count;
}

// The state letter of /proc/TID/stat, 0 when there is no such task.
static char state_of(int pid, int tid) {
    char path[64];
    char line[1024] = {0};
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    const char* bracket = got > 0 ? strrchr(line, ')') : NULL;
    return bracket && bracket[1] ? bracket[2] : 0;
}

// Waits until a task has this state ('-': is gone), as the kernel moves on by itself.
static void await_state(int pid, int tid, char state) {
    char seen = 1;
    for (int i = 0; i < 1000; ++i) {
        seen = state_of(pid, tid);
        if (seen == state || (state == '-' && seen == 0)) return;
        usleep(10000);
    }
    FAIL("task %d stays in state %c, not %c", tid, seen ? seen : '-', state);
}

static void write_file(const char* path, const char* text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) FAIL("%s: %s", path, strerror(errno));
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        FAIL("%s: cannot write %s: %s", path, text, strerror(errno));
    }
    close(fd);
}

static void write_number(const char* path, long number) {
    char text[24];
    snprintf(text, sizeof text, "%ld", number);
    write_file(path, text);
}

static long read_number(const char* path) {
    char text[24] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0);
    MUST(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return strtol(text, NULL, 10);
}

// Memory that children share with the subject.
static void* shared(size_t size) {
    void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    return memory;
}

static void await_nonzero(_Atomic int* word, const char* what) {
    for (int i = 0; i < 2000; ++i) {
        if (*word != 0) return;
        usleep(5000);
    }
    FAIL("waited 10 s for %s", what);
}

static pid_t clone3_flags(uint64_t flags) {
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void pause_forever(void) {
    for (;;)
        pause();
}

// SIGUSR1 says "go on". Blocked before a fork, so that it cannot come before it is waited for.
static void block_go(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void await_go(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    int signal = 0;
    MUST(sigwait(&set, &signal) == 0);
}

// A thread that tells its tid, waits for "go on", does `then`, and ends alone: exit_group() would
// not be a thread's own end.
struct thread_start {
    _Atomic int* tid;
    void (*then)(void);
};

static void* thread_main(void* argument) {
    struct thread_start* start = argument;
    *start->tid = global_tid();
    await_go();
    if (start->then) start->then();
    syscall(SYS_exit, 0);
    return NULL;
}

static void start_thread(struct thread_start* start) {
    pthread_t handle;
    MUST(pthread_create(&handle, NULL, thread_main, start) == 0);
}

static int open_ns(int pid, const char* link) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, link);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0);
    return fd;
}

static int open_pidfd(int pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    MUST(fd >= 0);
    return fd;
}

static void await_comm(int pid, const char* name) {
    char path[64];
    char comm[32] = {0};
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    for (int i = 0; i < 1000; ++i) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        // As a thread executes a program: proc_pid_lookup() finds the old leader, which may have
        // the thread's struct pid by the time proc_pid_make_inode() asks for it, and is released.
        if (fd < 0 && errno == ENOENT) {
            usleep(10000);
            continue;
        }
        MUST(fd >= 0);
        const ssize_t got = read(fd, comm, sizeof comm - 1);
        close(fd);
        MUST(got > 0);
        comm[got - 1] = 0;
        if (strcmp(comm, name) == 0) return;
        usleep(10000);
    }
    FAIL("the comm of %d stays %s, not %s", pid, comm, name);
}

// Waits until a task is past exit_task_namespaces(), and neither a zombie nor gone: it waits in
// zap_pid_ns_processes().
static void await_zapping(int pid, int tid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/ns/uts", pid, tid);
    for (int i = 0; i < 1000; ++i) {
        if (inum_at(path) == 0) break;
        usleep(10000);
    }
    const char state = state_of(pid, tid);
    if (inum_at(path) != 0 || state == 0 || state == 'Z') {
        FAIL("task %d does not wait for others, it is in state %c", tid, state ? state : '-');
    }
}

static int reap(pid_t pid) {
    int status = 0;
    MUST(waitpid(pid, &status, __WALL) == pid);
    return status;
}

static void kill_and_reap(pid_t pid) {
    MUST(kill(pid, SIGKILL) == 0);
    reap(pid);
}

// ---- expectations that many subjects make ----

// `"ns":{…}` of all ten slots, read from /proc.
static const char* ns_json(int pid, char* text, size_t size) {
    static const char* const links[] = {"mnt",
                                        "uts",
                                        "ipc",
                                        "pid",
                                        "pid_for_children",
                                        "net",
                                        "cgroup",
                                        "time",
                                        "time_for_children",
                                        "user"};
    size_t used = (size_t)snprintf(text, size, "\"ns\":{");
    for (size_t i = 0; i < sizeof links / sizeof *links; ++i) {
        unsigned inum = inum_of(pid, links[i]);
        if (inum == 0) continue;  // pid_for_children without a reaper is not shown
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\":%u",
                                 text[used - 1] == '{' ? "" : ",", links[i], inum);
    }
    snprintf(text + used, size - used, "}");
    return text;
}

// `"vpids":[…]` of a task; inums has the pid namespace of each level.
static const char* vpids_json(int tid, const unsigned* inums, char* text, size_t size) {
    int numbers[max_levels];
    int count = numbers_of(tid, numbers);
    size_t used = (size_t)snprintf(text, size, "\"vpids\":[");
    for (int i = 0; i < count; ++i) {
        used += (size_t)snprintf(text + used, size - used, "%s{\"pid_namespace\":%u,\"nr\":%d}",
                                 i ? "," : "", inums[i], numbers[i]);
    }
    snprintf(text + used, size - used, "]");
    return text;
}

// A task was born: its numbers were allocated, then it was announced.
static void expect_birth(int actor, int tid, int tgid, const unsigned* pid_inums) {
    char vpids[4096];
    vpids_json(tid, pid_inums, vpids, sizeof vpids);
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0,%s}", actor, vpids);
    say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d,\"tgid\":%d},%s}", tid, tgid, vpids);
}

// A task died: it said so, lost its namespaces, and was released at release_task's entry or loop.
static void expect_exit(int tid, int exit_code) {
    say("expect {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"exit_code\":%d}", tid, exit_code);
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"exit\",\"after\":null}",
        tid);
}

static void expect_free(int tid) {
    say("expect {\"kind\":\"free_pid\",\"vpids\":[{\"nr\":%d}]}", tid);
}

static void expect_release(int tid, int tgid, const char* via) {
    say("expect {\"kind\":\"task_release\",\"task\":{\"tid\":%d,\"tgid\":%d},\"via\":\"%s\"}", tid,
        tgid, via);
}

#endif
