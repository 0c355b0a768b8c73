// SPDX-License-Identifier: Apache-2.0
//
// Namespaces without a task, each held by something else, and what nstrail why says of each: an
// open file, mounts here and in another mount namespace, a socket, a zombie, the next child of a
// task, a pidfd, a namespace below, and one that it owns.
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "subject.h"

#define HERE_FILE "/tmp/nstrail-here"
#define THERE_FILE "/tmp/nstrail-there"

struct state {
    _Atomic int bound;
    _Atomic int moved;
    _Atomic int inner;  // the process in the inner user namespace
};
static struct state* state;

static void make_file(const char* file) {
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    MUST(fd >= 0);
    close(fd);
}

static void mount_ns(const char* link, pid_t pid, const char* file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, link);
    MUST(mount(path, file, NULL, MS_BIND, NULL) == 0);
}

static pid_t start(uint64_t flags) {
    const pid_t pid = clone3_flags(flags);
    if (pid == 0) pause_forever();
    MUST(pid > 0);
    return pid;
}

static void held_by_file(unsigned inum, int fd) {
    say("why %u {\"kind\":\"file\",\"task\":{\"tid\":%d},\"fd\":%d}", inum, getpid(), fd);
}

static void held_by_mount(unsigned inum, const char* path, unsigned mnt) {
    say("why %u {\"kind\":\"mount\",\"path\":\"%s\",\"mount_namespace\":%u}", inum, path, mnt);
}

// Two user namespaces, one below the other, and a uts namespace that the inner one owns; then only
// a file is open, of the last.
static int hold_chain(unsigned* outer, unsigned* inner, unsigned* uts) {
    block_go();
    const pid_t first = clone3_flags(CLONE_NEWUSER);
    if (first == 0) {
        await_go();
        const pid_t second = clone3_flags(CLONE_NEWUSER | CLONE_NEWUTS);
        if (second == 0) {
            state->inner = global_tid();
            pause_forever();
        }
        waitpid(second, NULL, 0);
        pause_forever();
    }
    MUST(first > 0);
    // Who has no uid there may not make another one.
    char map[64];
    snprintf(map, sizeof map, "/proc/%d/uid_map", first);
    write_file(map, "0 0 1");
    snprintf(map, sizeof map, "/proc/%d/gid_map", first);
    write_file(map, "0 0 1");
    MUST(kill(first, SIGUSR1) == 0);
    await_nonzero(&state->inner, "the inner user namespace");
    *outer = inum_of(first, "user");
    *inner = inum_of(state->inner, "user");
    *uts = inum_of(state->inner, "uts");
    const int fd = open_ns(state->inner, "uts");
    MUST(kill(state->inner, SIGKILL) == 0);
    await_state(state->inner, state->inner, '-');
    kill_and_reap(first);
    return fd;
}

int main(void) {
    const int self = getpid();
    state = shared(sizeof *state);
    make_file(HERE_FILE);
    make_file(THERE_FILE);
    // The processes first: what is opened later is open in this one alone.
    const pid_t owner = start(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWNET);
    const unsigned uts = inum_of(owner, "uts");
    const unsigned ipc = inum_of(owner, "ipc");
    const unsigned cgroup = inum_of(owner, "cgroup");
    const unsigned net = inum_of(owner, "net");
    const pid_t keeper = clone3_flags(CLONE_NEWNS);
    if (keeper == 0) {
        MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        mount_ns("ipc", owner, THERE_FILE);
        state->bound = 1;
        pause_forever();
    }
    MUST(keeper > 0);
    await_nonzero(&state->bound, "the bind mount elsewhere");
    const pid_t zombie = start(CLONE_NEWUSER);
    const unsigned user = inum_of(zombie, "user");
    MUST(kill(zombie, SIGKILL) == 0);
    await_state(zombie, zombie, 'Z');
    const pid_t entered = start(CLONE_NEWPID);
    const unsigned entered_pid = inum_of(entered, "pid");
    const pid_t mover = fork();
    if (mover == 0) {
        const int fd = open_ns(entered, "pid");
        MUST(setns(fd, CLONE_NEWPID) == 0);
        close(fd);
        state->moved = 1;
        pause_forever();
    }
    MUST(mover > 0);
    await_nonzero(&state->moved, "the task that moved its next child");
    kill_and_reap(entered);
    const pid_t last = start(CLONE_NEWPID);
    const unsigned last_pid = inum_of(last, "pid");

    const int pidfd = open_pidfd(last);
    kill_and_reap(last);
    const int own_net = open_ns(self, "net");
    const int their_net = open_ns(owner, "net");
    MUST(setns(their_net, CLONE_NEWNET) == 0);
    const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(socket_fd >= 0);
    MUST(setns(own_net, CLONE_NEWNET) == 0);
    close(own_net);
    close(their_net);
    mount_ns("uts", owner, HERE_FILE);
    const int cgroup_fd = open_ns(owner, "cgroup");
    const int second_fd = dup(cgroup_fd);
    MUST(second_fd >= 0);
    kill_and_reap(owner);
    unsigned chain_outer = 0;
    unsigned chain_inner = 0;
    unsigned chain_uts = 0;
    const int chain_fd = hold_chain(&chain_outer, &chain_inner, &chain_uts);

    held_by_file(cgroup, cgroup_fd);
    held_by_file(cgroup, second_fd);
    held_by_mount(uts, HERE_FILE, inum_of(self, "mnt"));
    held_by_mount(ipc, THERE_FILE, inum_of(keeper, "mnt"));
    say("why %u {\"kind\":\"socket\",\"task\":{\"tid\":%d},\"fd\":%d}", net, self, socket_fd);
    say("why %u {\"kind\":\"zombie\",\"task\":{\"tid\":%d}}", user, zombie);
    say("why %u {\"kind\":\"for_children\",\"task\":{\"tid\":%d}}", entered_pid, mover);
    say("why %u {\"kind\":\"pidfd\",\"task\":{\"tid\":%d},\"fd\":%d}", last_pid, self, pidfd);
    held_by_file(chain_uts, chain_fd);
    say("why %u {\"kind\":\"owned\",\"namespace\":{\"type\":\"uts\",\"inum\":%u}}", chain_inner,
        chain_uts);
    say("why %u {\"kind\":\"child\",\"namespace\":{\"type\":\"user\",\"inum\":%u}}", chain_outer,
        chain_inner);
    hold("held");

    close(pidfd);
    close(socket_fd);
    close(cgroup_fd);
    close(second_fd);
    close(chain_fd);
    MUST(umount2(HERE_FILE, 0) == 0);
    kill_and_reap(mover);
    kill_and_reap(keeper);
    reap(zombie);
    // The others go by work queues, maybe after the scene.
    say("anywhere {\"kind\":\"inum_free\",\"inum\":%u,\"point\":\"entry\"}", cgroup);
    say("anywhere {\"kind\":\"inum_free\",\"inum\":%u,\"point\":\"entry\"}", uts);
    MUST(unlink(HERE_FILE) == 0 && unlink(THERE_FILE) == 0);
    return 0;
}
