// SPDX-License-Identifier: Apache-2.0
//
// Makes stress: workers that fork, clone, vfork, unshare, setns, exec and die at random, and keep
// some of what they made. Between two orders everything stands still. Orders on stdin:
//   tasks MS       for so long: tasks that end at once
//   namespaces MS  for so long: what is kept is torn down and made anew, mostly in new namespaces
//   mixed MS       for so long: all of it
// Each is answered by one line on stdout: still {"made":N,"namespaces":N,"refused":N}, where made
// is how many tasks were born since the start, at least. At the end of stdin everything is torn
// down.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { workers = 3, slots = 5, max_threads = 3 };

enum flavour { tasks = 't', namespaces = 'n', mixed = 'm' };
struct order {
    char flavour;
    unsigned ms;
};

struct slot {
    _Atomic int ready;   // set by what lives here once it will not move any more
    _Atomic int orphan;  // a grandchild that is or will be the worker's child, by tid
};

static struct shared {
    atomic_ulong made;
    atomic_ulong namespaces;
    atomic_ulong refused;
    struct slot slot[workers][slots];
}* shared;

static char self[256];

static void made(int count) {
    atomic_fetch_add(&shared->made, (unsigned long)count);
}

// xorshift: the same seed gives the same choices.
static uint32_t state;
static uint32_t draw(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

static pid_t clone_flags(uint64_t flags) {
    struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid > 0) {
        made(1);
        for (uint64_t rest = flags; rest != 0; rest &= rest - 1)
            atomic_fetch_add(&shared->namespaces, 1);
    }
    if (pid < 0) atomic_fetch_add(&shared->refused, 1);
    return pid;
}

static void try_unshare(int flags) {
    if (unshare(flags) != 0) {
        atomic_fetch_add(&shared->refused, 1);
        return;
    }
    for (unsigned rest = (unsigned)flags; rest != 0; rest &= rest - 1)
        atomic_fetch_add(&shared->namespaces, 1);
}

// Any mixture; a network namespace is dear, so it is rare.
static int draw_flags(void) {
    static const int all[] = {CLONE_NEWNS,  CLONE_NEWUTS,    CLONE_NEWIPC,
                              CLONE_NEWPID, CLONE_NEWCGROUP, CLONE_NEWUSER};
    int flags = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
        if (draw(2)) flags |= all[i];
    }
    return draw(12) == 0 ? flags | CLONE_NEWNET : flags;
}

static void wait_for(pid_t pid) {
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void sleep_for_ever(struct slot* slot) {
    if (slot) slot->ready = 1;
    for (;;)
        pause();
}

static void* thread_ends(void* argument) {
    return argument;
}

static void* thread_stays(void* argument) {
    sleep_for_ever(argument);
    return NULL;
}

static void* thread_unshares(void* argument) {
    try_unshare(CLONE_NEWUTS | CLONE_NEWIPC);
    sleep_for_ever(argument);
    return NULL;
}

static void* thread_execs(void* argument) {
    execl(self, "load", argument ? "--stay" : "--end", (char*)NULL);
    _exit(1);
}

static bool start_thread(pthread_t* thread, void* (*body)(void*), void* argument) {
    if (pthread_create(thread, NULL, body, argument) != 0) return false;
    made(1);
    return true;
}

// ---- what ends at once ----

static void fork_ends(void) {
    pid_t child = clone_flags(0);
    if (child == 0) _exit(3);
    wait_for(child);
}

static void vfork_execs(void) {
    pid_t child = vfork();
    if (child == 0) {
        execl(self, "load", "--end", (char*)NULL);
        _exit(1);
    }
    if (child > 0) made(1);
    wait_for(child);
}

static void threads_end(void) {
    pthread_t thread[max_threads];
    int count = 0;
    while (count < max_threads && start_thread(&thread[count], thread_ends, NULL))
        ++count;
    while (count > 0)
        pthread_join(thread[--count], NULL);
}

// Nobody waits for the grandchild but the worker, which adopts it.
static void daemon_ends(void) {
    pid_t child = clone_flags(0);
    if (child == 0) {
        setsid();
        if (clone_flags(0) == 0) _exit(0);
        _exit(0);
    }
    wait_for(child);
}

static void thread_execs_and_ends(void) {
    pid_t child = clone_flags(0);
    if (child == 0) {
        pthread_t thread;
        if (!start_thread(&thread, thread_execs, NULL)) _exit(1);
        for (;;)
            pause();
    }
    wait_for(child);
}

static void unshares_and_ends(void) {
    const int flags = draw_flags();
    pid_t child = clone_flags(0);
    if (child == 0) {
        try_unshare(flags);
        pid_t inner = clone_flags(0);
        if (inner == 0) _exit(0);
        wait_for(inner);
        _exit(0);
    }
    wait_for(child);
}

static void namespaces_end(void) {
    pid_t child = clone_flags((uint64_t)draw_flags());
    if (child == 0) {
        prctl(PR_SET_NAME, "passing");
        _exit(0);
    }
    wait_for(child);
}

// ---- what is kept ----

static void keep_sleeper(struct slot* slot) {
    prctl(PR_SET_NAME, "kept");
    sleep_for_ever(slot);
}

static void keep_family(struct slot* slot) {
    // Only the innermost is last to be ready.
    for (int i = 0; i < 2; ++i) {
        if (clone_flags(0) == 0) sleep_for_ever(NULL);
    }
    pid_t inner = clone_flags(CLONE_NEWPID);
    if (inner == 0) {
        pid_t last = clone_flags(CLONE_NEWUTS);
        sleep_for_ever(last <= 0 ? slot : NULL);
    }
    sleep_for_ever(inner < 0 ? slot : NULL);
}

static void keep_threads(struct slot* slot) {
    pthread_t thread;
    start_thread(&thread, thread_stays, NULL);
    if (!start_thread(&thread, thread_unshares, slot)) _exit(1);
    sleep_for_ever(NULL);
}

static void keep_unshared(struct slot* slot) {
    try_unshare(draw_flags());
    sleep_for_ever(slot);
}

static void keep_execed(struct slot* slot) {
    (void)slot;
    pthread_t thread;
    if (!start_thread(&thread, thread_execs, self)) _exit(1);
    for (;;)
        pause();
}

// The namespaces of another that is kept, as far as they may be joined.
static void keep_joined(struct slot* slot, pid_t other) {
    int fd = (int)syscall(SYS_pidfd_open, other, 0);
    static const int types[] = {CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET,
                                CLONE_NEWCGROUP};
    for (size_t i = 0; fd >= 0 && i < sizeof types / sizeof *types; ++i) {
        if (setns(fd, types[i]) != 0) atomic_fetch_add(&shared->refused, 1);
    }
    if (fd >= 0) close(fd);
    // Its child may be killed along with the other's pid namespace, and an unreaped zombie would
    // hold up the end of that.
    signal(SIGCHLD, SIG_IGN);
    pid_t child = clone_flags(0);
    if (child == 0) sleep_for_ever(NULL);
    if (child > 0) slot->orphan = child;
    sleep_for_ever(slot);
}

static void keep_daemon(struct slot* slot) {
    setsid();
    if (clone_flags(0) == 0) {
        char link[64] = {0};
        if (readlink("/proc/self", link, sizeof link - 1) > 0) slot->orphan = atoi(link);
        sleep_for_ever(slot);
    }
    _exit(0);
}

static void keep_zombie_leader(struct slot* slot) {
    pthread_t thread;
    if (!start_thread(&thread, thread_stays, slot)) _exit(1);
    pthread_exit(NULL);
}

enum kind {
    sleeper,
    family,
    threads,
    unshared,
    execed,
    joined,
    zombie,
    daemon_left,
    zombie_leader,
    kinds
};

static void become(enum kind kind, struct slot* slot, pid_t other) {
    switch (kind) {
        case family:
            keep_family(slot);
            break;
        case threads:
            keep_threads(slot);
            break;
        case unshared:
            keep_unshared(slot);
            break;
        case execed:
            keep_execed(slot);
            break;
        case joined:
            keep_joined(slot, other);
            break;
        case zombie:
            _exit(5);
        case daemon_left:
            keep_daemon(slot);
            break;
        case zombie_leader:
            keep_zombie_leader(slot);
            break;
        default:
            keep_sleeper(slot);
    }
}

static char state_of(pid_t pid) {
    char path[64];
    char text[512] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    const char* bracket = got > 0 ? strrchr(text, ')') : NULL;
    return bracket && bracket[1] ? bracket[2] : 0;
}

static bool execed_by_now(pid_t pid) {
    char path[64];
    char text[64] = {0};
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    return got > 5 && strcmp(text + 5, "--stay") == 0 && state_of(pid) == 'S';
}

struct kept {
    pid_t pid;
    enum kind kind;
};

static void tear_down(struct kept* kept, struct slot* slot) {
    if (kept->pid > 0) {
        kill(kept->pid, SIGKILL);
        wait_for(kept->pid);
    }
    // Its child is the worker's now, if it still lives.
    siginfo_t info;
    const int options = WEXITED | WNOHANG | WNOWAIT;
    if (slot->orphan != 0 && waitid(P_PID, (id_t)slot->orphan, &info, options) == 0) {
        kill(slot->orphan, SIGKILL);
        wait_for(slot->orphan);
    }
    kept->pid = 0;
    slot->ready = 0;
    slot->orphan = 0;
}

static void set_up(struct kept* kept, struct slot* slot, pid_t other) {
    kept->kind = (enum kind)draw(kinds);
    if (kept->kind == joined && other <= 0) kept->kind = sleeper;
    uint64_t flags = kept->kind == sleeper || kept->kind == family ? (uint64_t)draw_flags() : 0;
    if (kept->kind == family) flags |= CLONE_NEWPID;
    kept->pid = clone_flags(flags);
    if (kept->pid == 0) become(kept->kind, slot, other);
    if (kept->pid < 0) kept->pid = 0;
    // Until it stands still; what could not be made has ended instead.
    const pid_t pid = kept->pid;
    for (int tries = 0; pid != 0; ++tries) {
        const bool ended = state_of(pid) == 'Z';
        bool still = slot->ready || ended;
        if (kept->kind == zombie) still = ended;
        if (kept->kind == execed) still = ended || execed_by_now(pid);
        if (kept->kind == zombie_leader || kept->kind == daemon_left) still = slot->ready && ended;
        if (still) break;
        if (tries == 20000) {
            fprintf(stderr, "load: what is kept as %d does not come to rest\n", kept->kind);
            _exit(1);
        }
        usleep(500);
    }
    if (kept->kind == daemon_left) {
        wait_for(pid);
        kept->pid = 0;
    }
}

// ---- workers ----

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Reaps what the worker adopted; what is kept stays, zombies too.
static void reap_adopted(const struct kept* kept, const struct slot* slot, int patience) {
    int adopted[256];
    int count = 0;
    do {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
        FILE* file = fopen(path, "re");
        int pid = 0;
        for (count = 0; file && count < 256 && fscanf(file, "%d", &pid) == 1;) {
            bool is_kept = false;
            for (int i = 0; i < slots; ++i)
                is_kept = is_kept || kept[i].pid == pid || slot[i].orphan == pid;
            if (!is_kept) adopted[count++] = pid;
        }
        if (file) fclose(file);
        for (int i = 0; i < count; ++i)
            waitpid(adopted[i], NULL, patience);
        // Of many, reading while they go skips some.
    } while (count > 0 && patience == 0);
}

static void work(struct order order, struct kept* kept, struct slot* slot) {
    static void (*const passing[])(void) = {fork_ends,     threads_end,           vfork_execs,
                                            daemon_ends,   thread_execs_and_ends, unshares_and_ends,
                                            namespaces_end};
    const uint64_t until = now_ms() + order.ms;
    do {
        const bool pass = order.flavour == tasks || (order.flavour == mixed && draw(4) != 0);
        if (pass) {
            // The first two are the cheapest: most tasks in a given time.
            passing[draw(order.flavour == tasks ? 2 : sizeof passing / sizeof *passing)]();
        } else {
            const uint32_t i = draw(slots);
            tear_down(&kept[i], &slot[i]);
            set_up(&kept[i], &slot[i], kept[draw(slots)].pid);
        }
        if (order.flavour == mixed && draw(32) == 0) reap_adopted(kept, slot, WNOHANG);
    } while (now_ms() < until);
}

static void worker(int number, int orders, int answers) {
    struct kept kept[slots] = {0};
    struct slot* slot = shared->slot[number];
    state = 0x9E3779B9U * (uint32_t)(number + 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "worker");
    struct order order;
    while (read(orders, &order, sizeof order) == sizeof order) {
        work(order, kept, slot);
        reap_adopted(kept, slot, 0);
        const char done = '.';
        if (write(answers, &done, 1) != 1) break;
    }
    for (int i = 0; i < slots; ++i)
        tear_down(&kept[i], &slot[i]);
    reap_adopted(kept, slot, 0);
    _exit(0);
}

int main(int argc, char** argv) {
    if (argc > 1 && strcmp(argv[1], "--end") == 0) return 0;
    if (argc > 1 && strcmp(argv[1], "--stay") == 0) sleep_for_ever(NULL);
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
    signal(SIGPIPE, SIG_IGN);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 1;
    int orders[workers][2];
    int answers[2];
    pid_t pids[workers];
    if (pipe2(answers, O_CLOEXEC) != 0) return 1;
    for (int i = 0; i < workers; ++i) {
        if (pipe2(orders[i], O_CLOEXEC) != 0) return 1;
        pids[i] = fork();
        if (pids[i] < 0) return 1;
        if (pids[i] == 0) {
            // The end of orders is seen only when no other process holds its writing end.
            for (int j = 0; j <= i; ++j)
                close(orders[j][1]);
            worker(i, orders[i][0], answers[1]);
        }
        made(1);
    }
    char line[128];
    while (fgets(line, sizeof line, stdin)) {
        char word[16] = {0};
        struct order order = {0};
        if (sscanf(line, "%15s %u", word, &order.ms) != 2) return 2;
        order.flavour = word[0];
        for (int i = 0; i < workers; ++i) {
            if (write(orders[i][1], &order, sizeof order) != sizeof order) return 1;
        }
        for (int i = 0; i < workers; ++i) {
            char done = 0;
            if (read(answers[0], &done, 1) != 1) return 1;
        }
        printf("still {\"made\":%lu,\"namespaces\":%lu,\"refused\":%lu}\n", shared->made,
               shared->namespaces, shared->refused);
        fflush(stdout);
    }
    for (int i = 0; i < workers; ++i)
        close(orders[i][1]);
    for (int i = 0; i < workers; ++i)
        wait_for(pids[i]);
    return 0;
}
