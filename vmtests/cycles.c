// SPDX-License-Identifier: Apache-2.0
//
// Lives of tasks one after the other, and what one takes: for the benchmarks, which compare it with
// and without somebody who looks on.
//   cycles KIND COUNT|MILLISECONDSms [PID...]
//   cycles -   the same for each line "KIND COUNT|MILLISECONDSms" of the standard input, by one
//   process
// KIND is
//   fork        fork, _exit, waitpid
//   vfork       vfork, _exit, waitpid
//   thread      pthread_create, pthread_join
//   namespaces  clone3 into a new pid, mnt, uts, ipc and cgroup namespace, _exit, waitpid
//   null        nothing: what measuring costs
// COUNT lives and then half a second in which nothing happens, so that whoever looks on has taken
// what they left him; or with an s behind it as many as are lived in so many seconds.
// Prints {"kind":…,"count":…,"ns":…,"cpu_ns":…,"idle_ns":…,"others_ns":…}: ns is CLOCK_MONOTONIC's,
// of all together; cpu_ns the CPU time of this process and of those it made; idle_ns what the first
// CPU was idle of ns, null where /proc/timer_list does not say; others_ns the CPU time that the
// processes PID took. In a virtual machine with -icount shift=0 and
// one CPU, ns - idle_ns is how many instructions the machine ran meanwhile.
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char* what) {
    fprintf(stderr, "cycles: cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static void reap(pid_t child, const char* what) {
    if (child < 0) die(what);
    if (waitpid(child, NULL, 0) != child) die("wait");
}

static void run_fork(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    reap(child, "fork");
}

static void run_vfork(void) {
    pid_t child = vfork();
    if (child == 0) _exit(0);
    reap(child, "vfork");
}

static void* nothing(void* unused) {
    return unused;
}

static void run_thread(void) {
    pthread_t thread;
    if ((errno = pthread_create(&thread, NULL, nothing, NULL)) != 0) die("create a thread");
    if ((errno = pthread_join(thread, NULL)) != 0) die("join a thread");
}

static void run_namespaces(void) {
    struct clone_args arguments = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD};
    pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) _exit(0);
    reap(child, "clone namespaces");
}

static void run_null(void) {}

static const struct {
    const char* name;
    void (*run)(void);
} kinds[] = {{"fork", run_fork},
             {"vfork", run_vfork},
             {"thread", run_thread},
             {"namespaces", run_namespaces},
             {"null", run_null}};

static uint64_t now(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) die("read the clock");
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t cpu_time(void) {
    uint64_t sum = 0;
    for (int who = 0; who < 2; ++who) {
        struct rusage usage;
        if (getrusage(who == 0 ? RUSAGE_SELF : RUSAGE_CHILDREN, &usage) != 0) die("read CPU time");
        sum += (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
               (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
    }
    return sum;
}

// Of the CPU that the file tells first. False where there is no such line.
static bool read_idle(uint64_t* ns) {
    FILE* file = fopen("/proc/timer_list", "r");
    if (file == NULL) return false;
    char line[256];
    bool found = false;
    unsigned long long value;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, " .idle_sleeptime : %llu", &value) == 1;
    fclose(file);
    if (found) *ns = value;
    return found;
}

static uint64_t cpu_time_of(char** pids) {
    uint64_t sum = 0;
    for (; *pids != NULL; ++pids) {
        clockid_t clock;
        struct timespec time;
        if ((errno = clock_getcpuclockid((pid_t)atoi(*pids), &clock)) != 0 ||
            clock_gettime(clock, &time) != 0)
            die("read another process's CPU time");
        sum += (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    }
    return sum;
}

// False where the arguments are none.
static bool measure(const char* kind, const char* amount, char** pids) {
    size_t at = 0;
    while (at < sizeof kinds / sizeof *kinds && strcmp(kind, kinds[at].name) != 0)
        ++at;
    char* end;
    const unsigned long wanted = strtoul(amount, &end, 10);
    const bool timed = strcmp(end, "ms") == 0;
    if (at == sizeof kinds / sizeof *kinds || (*end != '\0' && !timed) || wanted == 0) return false;
    uint64_t idle_before = 0, idle_after = 0;
    const bool idle_known = read_idle(&idle_before);
    const uint64_t others_before = cpu_time_of(pids);
    const uint64_t cpu_before = cpu_time();
    const uint64_t begin = now();
    unsigned long count = 0;
    while (timed ? now() - begin < wanted * 1000000 : count < wanted) {
        kinds[at].run();
        ++count;
    }
    if (!timed) usleep(500000);
    const uint64_t ns = now() - begin;
    const uint64_t cpu = cpu_time() - cpu_before;
    const uint64_t others = cpu_time_of(pids) - others_before;
    char idle[24] = "null";
    if (idle_known && read_idle(&idle_after))
        snprintf(idle, sizeof idle, "%llu", (unsigned long long)(idle_after - idle_before));
    printf(
        "{\"kind\":\"%s\",\"count\":%lu,\"ns\":%llu,\"cpu_ns\":%llu,\"idle_ns\":%s,"
        "\"others_ns\":%llu}\n",
        kind, count, (unsigned long long)ns, (unsigned long long)cpu, idle,
        (unsigned long long)others);
    fflush(stdout);  // nothing that a forked child would have as well
    return true;
}

int main(int argc, char** argv) {
    char kind[16], amount[32];
    bool good = argc >= 3 && measure(argv[1], argv[2], argv + 3);
    if (argc == 2 && strcmp(argv[1], "-") == 0) {
        do
            good = scanf("%15s %31s", kind, amount) == 2;
        while (good && measure(kind, amount, argv + 2));
        good = !good && feof(stdin);
    }
    if (good) return 0;
    fprintf(stderr,
            "usage: cycles fork|vfork|thread|namespaces|null COUNT|MILLISECONDSms [PID...]\n       "
            "cycles -\n");
    return 2;
}
