// SPDX-License-Identifier: Apache-2.0
#include "source/canary.hpp"

#include <cerrno>

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/event.hpp"

namespace nstrail {

namespace {

enum Exercise : int { did_unshare = 1, did_user_namespace = 2 };

void* exec_from_thread(void* /*unused*/) {
    // A thread that is not the leader execs: exchange_tids, exec_task_namespaces,
    // sched_process_exec.
    char name[] = "nstrail-canary";
    char* const arguments[] = {name, nullptr};
    execv("/proc/self/exe", arguments);
    _exit(127);
}

/// Runs in the child. The exit code says what could be exercised.
[[noreturn]] void live_and_die() {
    int done = 0;
    if (unshare(CLONE_NEWUTS) == 0) {
        done |= did_unshare;
    }
    const pid_t grandchild = fork();
    if (grandchild == 0) {
        // The exec makes this one's exit code 0 and so proof of nothing; only its events matter.
        pthread_t thread{};
        if (pthread_create(&thread, nullptr, exec_from_thread, nullptr) == 0) {
            pthread_join(thread, nullptr);
        }
        _exit(127);
    }
    if (grandchild > 0) {
        int status = 0;
        waitpid(grandchild, &status, 0);
    }
    if (unshare(CLONE_NEWUSER) == 0) {
        done |= did_user_namespace;
    }
    _exit(done);
}

constexpr std::uint64_t bit(nst_hook hook) {
    return 1ULL << hook;
}

}  // namespace

Result<std::uint64_t> run_canary() {
    const pid_t child = fork();
    if (child < 0) {
        return fail("fork a canary", errno,
                    "the system is short of processes (see ulimit -u, pids.max)");
    }
    if (child == 0) {
        live_and_die();
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return fail("wait for the canary", errno);
        }
    }
    const int done = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    std::uint64_t exercised = bit(NST_HOOK_alloc_pid) | bit(NST_HOOK_free_pid) |
                              bit(NST_HOOK_release_task) | bit(NST_HOOK_cgroup_release) |
                              bit(NST_HOOK_exit_namespaces) | bit(NST_HOOK_exec_namespaces) |
                              bit(NST_HOOK_exchange_tids) | bit(NST_HOOK_task_newtask) |
                              bit(NST_HOOK_sched_process_exec) | bit(NST_HOOK_sched_process_exit) |
                              bit(NST_HOOK_sched_process_free);
    if ((done & did_unshare) != 0) {
        exercised |= bit(NST_HOOK_switch_namespaces) | bit(NST_HOOK_inum_alloc) |
                     bit(NST_HOOK_inum_free) | bit(NST_HOOK_inum_free_done) |
                     bit(NST_HOOK_sys_exit);
    }
    if ((done & did_user_namespace) != 0) {
        exercised |= bit(NST_HOOK_commit_creds);
    }
    return exercised;
}

}  // namespace nstrail
