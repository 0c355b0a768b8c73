// SPDX-License-Identifier: Apache-2.0
//
// nstrail spawn: a command gets the pids that were asked for, in the initial pid namespace and in
// several nested ones, without moving their cursors; or it is told at which level the kernel
// refused them, and why.
#include "command.h"

enum { inner_number = 9, outer_number = 31, initial_number = 20011 };
static struct nest* nest;

// As root a program has no more than the bounding set.
static void drop_capabilities(void) {
    enum { cap_sys_admin = 21, cap_checkpoint_restore = 40 };
    if (prctl(PR_CAPBSET_DROP, cap_sys_admin, 0, 0, 0) != 0) _exit(122);
    if (prctl(PR_CAPBSET_DROP, cap_checkpoint_restore, 0, 0, 0) != 0) _exit(122);
}

static void say_last_pids(int inner, int outer) {
    say("namespace pid %u {\"last_pid\":%d,\"last_pid_vector\":\"%d:%d:*\"}", nest->inum[2], inner,
        inner, outer);
    say("namespace pid %u {\"last_pid\":%d}", nest->inum[1], outer);
}

// What it asks for stands before ` -- `; `in` runs it in the innermost namespace.
struct refusal {
    int in;
    void (*before)(void);
    const char* asked;
    int error;          // 0: the kernel does not come as far as alloc_pid
    const char* vpids;  // of alloc_pid
    const char* words;  // of stderr
};

static void refuse(const struct refusal* refusal) {
    struct command command;
    char words[512];
    char in[32] = "";
    if (refusal->in) snprintf(in, sizeof in, " --in %d", nest->tid[2]);
    snprintf(words, sizeof words, "spawn --set-tid %s%s -- true", refusal->asked, in);
    start_nstrail(&command, refusal->before, words);
    const int status = end_of(&command);
    if (status != 1) FAIL("nstrail %s: status %d, not 1: %s", words, status, command.err);
    must_say(words, command.err, refusal->words);
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", command.pid);
    if (refusal->error == 0) {
        say("never {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d}}", command.pid);
        return;
    }
    int size = 1;
    for (const char* at = refusal->asked; *at; ++at)
        size += *at == ':';
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":%d,\"set_tid_size\":%d,"
        "\"vpids\":[%s]}",
        command.pid, -refusal->error, size, refusal->vpids);
}

static void refuse_all(void) {
    char limit[24];
    char inner_limit[32];
    char initial[24];
    char many[128] = "60";
    char limit_vpids[96];
    char inner_limit_vpids[128];
    char limit_words[96];
    char inner_limit_words[96];
    const long pid_max = read_number("/proc/sys/kernel/pid_max");
    snprintf(limit, sizeof limit, "%ld", pid_max);
    snprintf(inner_limit, sizeof inner_limit, "50:%ld", pid_max);
    snprintf(initial, sizeof initial, "%d", initial_number);
    for (int i = 1; i < 33; ++i)
        strcat(many, ":60");
    snprintf(limit_vpids, sizeof limit_vpids, "{\"nr\":null,\"asked\":%ld}", pid_max);
    snprintf(inner_limit_vpids, sizeof inner_limit_vpids,
             "{\"asked\":null},{\"nr\":null,\"asked\":%ld},{\"asked\":50}", pid_max);
    snprintf(limit_words, sizeof limit_words,
             "EINVAL at level 0 (pid:[%u]): %ld is not below pid_max", nest->inum[0], pid_max);
    snprintf(inner_limit_words, sizeof inner_limit_words,
             "EINVAL at level 1 (pid:[%u]): %ld is not below pid_max", nest->inum[1], pid_max);
    const struct refusal refusals[] = {
        {1, NULL, "9:77", EEXIST, "{\"asked\":null},{\"asked\":77},{\"nr\":null,\"asked\":9}",
         "EEXIST at level 2 (pid:["},
        {1, NULL, "77:31", EEXIST, "{\"asked\":null},{\"nr\":null,\"asked\":31},{\"asked\":77}",
         "EEXIST at level 1 (pid:["},
        {1, NULL, "77:31", EEXIST, "{\"asked\":null},{\"nr\":null,\"asked\":31},{\"asked\":77}",
         "31 is taken by "},
        {0, NULL, initial, EEXIST, "{\"nr\":null,\"asked\":20011}", "EEXIST at level 0 (pid:["},
        {1, NULL, "5:6:7:8", EINVAL, "{},{},{}", "EINVAL: 4 numbers for 3 nested pid namespaces"},
        {0, NULL, limit, EINVAL, limit_vpids, limit_words},
        {1, NULL, inner_limit, EINVAL, inner_limit_vpids, inner_limit_words},
        {0, NULL, "0", EINVAL, "{}", "EINVAL at level 0 (pid:["},
        {0, NULL, many, 0, NULL, "EINVAL: 33 numbers, and clone3 takes 32 at most"},
        {0, drop_capabilities, "20052", EPERM, "{\"asked\":20052}", "EPERM at level 0 (pid:["},
        {1, drop_capabilities, "50", 0, NULL, "enter the pid namespace of "},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; ++i)
        refuse(&refusals[i]);
}

static void ends_with(const char* words, int wanted) {
    struct command command;
    const int status = run_nstrail(&command, words);
    if (status != wanted) {
        FAIL("nstrail %s: status %d, not %d: %s", words, status, wanted, command.err);
    }
}

int main(void) {
    struct command outer;
    struct command inner;
    char words[128];
    nest = make_nest(2);
    snprintf(words, sizeof words, "spawn --set-tid %d -- sleep 10000", initial_number);
    start_nstrail(&outer, NULL, words);
    MUST(child_running(outer.pid, "sleep") == initial_number);
    expect_birth(outer.pid, initial_number, initial_number, nest->inum);
    say("anywhere {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0,\"set_tid_size\":1,"
        "\"vpids\":[{\"pid_namespace\":%u,\"nr\":%d,\"asked\":%d}]}",
        outer.pid, nest->inum[0], initial_number, initial_number);

    snprintf(words, sizeof words, "spawn --in %d --set-tid %d:%d -- sleep 10000", nest->tid[2],
             inner_number, outer_number);
    start_nstrail(&inner, NULL, words);
    const pid_t chosen = child_running(inner.pid, "sleep");
    must_have_number(chosen, 2, inner_number);
    must_have_number(chosen, 1, outer_number);
    expect_birth(inner.pid, chosen, chosen, nest->inum);
    say("anywhere {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":0,\"set_tid_size\":2,"
        "\"vpids\":[{\"nr\":%d,\"asked\":null},{\"nr\":%d,\"asked\":%d},{\"nr\":%d,\"asked\":%d}]}",
        inner.pid, chosen, outer_number, outer_number, inner_number, inner_number);
    // The inits alone have moved the cursors.
    say_last_pids(1, 2);
    hold("spawned");

    const int follower = fork_innermost(nest);
    must_have_number(follower, 2, 2);
    must_have_number(follower, 1, 3);
    expect_birth(nest->tid[2], follower, follower, nest->inum);
    refuse_all();
    say_last_pids(2, 3);
    hold("refused");

    ends_with("spawn --set-tid 20012 -- false", 1);
    ends_with("spawn --set-tid 20012 -- /no/such/program", 127);
    // What ends the command from outside goes through nstrail.
    MUST(kill(outer.pid, SIGTERM) == 0 && kill(inner.pid, SIGTERM) == 0);
    MUST(end_of(&outer) == 128 + SIGTERM && end_of(&inner) == 128 + SIGTERM);
    say("anywhere {\"kind\":\"task_exit\",\"task\":{\"tid\":%d},\"exit_code\":%d}", chosen,
        SIGTERM);
    say("anywhere {\"kind\":\"free_pid\",\"vpids\":[{\"nr\":%d},{\"nr\":%d},{\"nr\":%d}]}", chosen,
        outer_number, inner_number);
    kill_and_reap(nest->tid[1]);
    expect_release(nest->tid[1], nest->tid[1], "entry");
    return 0;
}
