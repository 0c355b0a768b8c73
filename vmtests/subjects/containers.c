// SPDX-License-Identifier: Apache-2.0
//
// Cgroups named as runtimes name them: whose container a task and its pid namespace are, when its
// process moves there with all threads, by fork, after exec, in two containers at once, and of a
// zombie whose cgroup was removed.
#include <stdatomic.h>

#include "subject.h"

#define ID(digit) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" digit
#define ROOT "/sys/fs/cgroup"
#define SLICE "/system.slice"
#define DOCKER SLICE "/docker-" ID("1") ".scope"
#define PODMAN SLICE "/libpod-" ID("2") ".scope"

struct state {
    _Atomic int init;
    _Atomic int thread;
    _Atomic int child;
};
static struct state* state;
static const char* program;

static void init_of_container(void) {
    state->init = global_tid();
    struct thread_start start = {.tid = &state->thread};
    start_thread(&start);
    await_nonzero(&state->thread, "the thread");
    await_go();
    if (fork() == 0) {
        state->child = global_tid();
        execl(program, program, "stay", NULL);
        _exit(1);
    }
    pause_forever();
}

static void say_container(const char* row, const char* name, unsigned number, const char* cgroup,
                          const char* id, const char* runtime) {
    say("%s%s %u {%s%s%s\"container\":\"%s\",\"runtime\":\"%s\",\"pod\":null,\"unit\":null}", row,
        name, number, cgroup ? "\"cgroup\":\"" : "", cgroup ? cgroup : "", cgroup ? "\"," : "", id,
        runtime);
}

static void in_docker(int tid) {
    say_container("task", "", (unsigned)tid, DOCKER, ID("1"), "docker");
}

static void make_cgroup(const char* path) {
    MUST(mkdir(path, 0755) == 0 || errno == EEXIST);
}

// The kernel still counts for a moment what has ended.
static void remove_cgroup(const char* path) {
    for (int i = 0; i < 1000 && rmdir(path) != 0; ++i) {
        MUST(errno == EBUSY);
        usleep(10000);
    }
    MUST(access(path, F_OK) != 0);
}

int main(int argc, char** argv) {
    if (argc > 1) pause_forever();
    program = argv[0];
    MUST(*program == '/');
    state = shared(sizeof *state);
    block_go();
    make_cgroup(ROOT SLICE);
    make_cgroup(ROOT DOCKER);
    make_cgroup(ROOT PODMAN);
    const pid_t init = clone3_flags(CLONE_NEWPID);
    if (init == 0) init_of_container();
    MUST(init > 0);
    await_nonzero(&state->thread, "the thread of the container's init");
    const unsigned inum = inum_of(init, "pid");
    const unsigned inums[2] = {inum_of(getpid(), "pid"), inum};
    say("task %d {\"container\":null,\"runtime\":null}", init);
    say("namespace pid %u {\"container\":null,\"runtime\":null}", inum);
    hold("outside");

    write_number(ROOT DOCKER "/cgroup.procs", init);
    in_docker(init);
    in_docker(state->thread);
    say_container("namespace", " pid", inum, NULL, ID("1"), "docker");
    hold("moved");

    MUST(kill(init, SIGUSR1) == 0);
    await_nonzero(&state->child, "the container's second process");
    const int child = state->child;
    await_comm(child, strrchr(program, '/') + 1);
    expect_birth(init, child, child, inums);
    say("expect {\"kind\":\"task_exec\",\"task\":{\"tid\":%d},\"filename\":\"%s\"}", child,
        program);
    in_docker(init);
    in_docker(child);
    say("task %d {\"exe\":\"%s\"}", child, program);
    say_container("namespace", " pid", inum, NULL, ID("1"), "docker");
    hold("forked");

    write_number(ROOT PODMAN "/cgroup.procs", child);
    in_docker(init);
    in_docker(state->thread);
    say_container("task", "", (unsigned)child, PODMAN, ID("2"), "podman");
    say("namespace pid %u {\"container\":null,\"runtime\":null}", inum);
    hold("in_two");

    MUST(kill(init, SIGKILL) == 0);
    await_state(init, init, 'Z');
    await_state(child, child, '-');
    remove_cgroup(ROOT PODMAN);
    remove_cgroup(ROOT DOCKER);
    say("task %d {\"state\":\"zombie\",\"container\":\"%s\",\"runtime\":\"docker\"}", init,
        ID("1"));
    hold("removed");
    reap(init);
    expect_release(init, init, "entry");
    remove_cgroup(ROOT SLICE);
    return 0;
}
