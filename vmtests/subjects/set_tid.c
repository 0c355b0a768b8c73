// SPDX-License-Identifier: Apache-2.0
//
// clone3(set_tid): the numbers asked for are given, level by level, or refused: EINVAL, EPERM and
// EEXIST. It does not move the cursor that the next number is taken from.
#include <limits.h>
#include <stdatomic.h>

#include "subject.h"

enum { outer_number = 20001, inner_number = 9, both_number = 30, refusals = 8 };

struct state {
    _Atomic int init;
    _Atomic int first;
    _Atomic int second;
    _Atomic int both;
    _Atomic int cloned;
    _Atomic int result[refusals];  // errno of each refusal
    _Atomic int done;
    unsigned inner;
};
static struct state* state;

// Innermost first, as clone3 wants it.
static pid_t clone_with(uint64_t flags, size_t size, const pid_t* numbers) {
    struct clone_args args = {.flags = flags,
                              .exit_signal = SIGCHLD,
                              .set_tid = (uint64_t)(uintptr_t)numbers,
                              .set_tid_size = size};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static int refusal(uint64_t flags, size_t size, const pid_t* numbers) {
    pid_t child = clone_with(flags, size, numbers);
    if (child == 0) _exit(0);
    return child < 0 ? errno : -1;
}

static void inhabitant(_Atomic int* tid) {
    *tid = global_tid();
    pause_forever();
}

static void init_of_namespace(void) {
    state->inner = inum_at("/proc/thread-self/ns/pid");
    state->init = global_tid();
    if (clone_with(0, 1, (pid_t[]){inner_number}) == 0) inhabitant(&state->first);
    await_nonzero(&state->first, "the child with a number of its choice");
    // The cursor still is where the init's own number left it.
    if (fork() == 0) inhabitant(&state->second);
    await_nonzero(&state->second, "the child without a choice");
    if (clone_with(0, 2, (pid_t[]){both_number, outer_number}) == 0) inhabitant(&state->both);
    await_nonzero(&state->both, "the child with two numbers of its choice");
    // A namespace and its init's number at once.
    if (clone_with(CLONE_NEWPID, 2, (pid_t[]){1, both_number + 1}) == 0) {
        inhabitant(&state->cloned);
    }
    await_nonzero(&state->cloned, "the init with a number of its choice");
    await_go();

    _Atomic int* result = state->result;
    const pid_t limit = (pid_t)read_number("/proc/sys/kernel/pid_max");
    result[0] = refusal(0, 1, (pid_t[]){inner_number});
    result[1] = refusal(0, 3, (pid_t[]){50, 20050, 1});
    result[2] = refusal(0, 1, (pid_t[]){0});
    result[3] = refusal(0, 1, (pid_t[]){limit});
    result[4] = refusal(CLONE_NEWPID, 1, (pid_t[]){5});
    result[5] = refusal(0, 2, (pid_t[]){50, outer_number});
    state->done = 1;
    pause_forever();
}

// With all capabilities in its own user namespace, none in the initial one.
static void init_of_user_namespace(void) {
    state->result[6] = refusal(0, 1, (pid_t[]){50});
    state->result[7] = refusal(0, 2, (pid_t[]){51, 20051});
    state->done = 1;
    pause_forever();
}

static void expect_refusal(int index, int actor, int wanted, size_t size, const char* vpids) {
    if (state->result[index] != wanted) {
        FAIL("refusal %d: errno %d, not %d", index, state->result[index], wanted);
    }
    say("expect {\"kind\":\"alloc_pid\",\"actor\":{\"tid\":%d},\"error\":%d,\"set_tid_size\":%zu,"
        "\"vpids\":[%s]}",
        actor, -wanted, size, vpids);
}

int main(void) {
    state = shared(sizeof *state);
    block_go();
    const unsigned outer = inum_of(getpid(), "pid");
    pid_t init = clone3_flags(CLONE_NEWPID);
    if (init == 0) init_of_namespace();
    MUST(init > 0);
    await_nonzero(&state->cloned, "the clones");
    MUST(state->both == outer_number);
    const unsigned innermost = inum_of(state->cloned, "pid");
    const unsigned inums[3] = {outer, state->inner, innermost};
    const struct {
        int tid, levels, number;
    } born[] = {{state->first, 2, inner_number},
                {state->second, 2, 2},
                {state->both, 2, both_number},
                {state->cloned, 3, both_number + 1}};
    expect_birth(getpid(), init, init, inums);
    for (size_t i = 0; i < sizeof born / sizeof *born; ++i) {
        int numbers[max_levels];
        MUST(numbers_of(born[i].tid, numbers) == born[i].levels);
        if (numbers[1] != born[i].number) FAIL("number %d, not %d", numbers[1], born[i].number);
        expect_birth(init, born[i].tid, born[i].tid, inums);
    }
    say("anywhere {\"kind\":\"alloc_pid\",\"error\":0,\"set_tid_size\":2,\"vpids\":["
        "{\"nr\":%d,\"asked\":%d},{\"nr\":%d,\"asked\":%d}]}",
        outer_number, outer_number, both_number, both_number);
    say("anywhere {\"kind\":\"alloc_pid\",\"error\":0,\"set_tid_size\":2,\"vpids\":["
        "{\"asked\":null},{\"nr\":%d,\"asked\":%d},{\"nr\":1,\"asked\":1}]}",
        both_number + 1, both_number + 1);
    say("anywhere {\"kind\":\"alloc_pid\",\"error\":0,\"set_tid_size\":0,\"vpids\":["
        "{\"nr\":%d,\"asked\":null},{\"nr\":2,\"asked\":null}]}",
        state->second);
    hold("given");

    MUST(kill(init, SIGUSR1) == 0);
    await_nonzero(&state->done, "the refusals");
    char over[64];
    snprintf(over, sizeof over, "{\"asked\":null},{\"nr\":null,\"asked\":%ld}",
             read_number("/proc/sys/kernel/pid_max"));
    expect_refusal(0, init, EEXIST, 1, "{\"nr\":null,\"asked\":null},{\"nr\":null,\"asked\":9}");
    expect_refusal(1, init, EINVAL, 3, "{},{}");
    expect_refusal(2, init, EINVAL, 1, "{},{}");
    expect_refusal(3, init, EINVAL, 1, over);
    // The namespace was made for it, and goes again.
    say("expect {\"kind\":\"inum_alloc\",\"actor_tid\":%d}", init);
    expect_refusal(4, init, EINVAL, 1, "{\"asked\":null},{\"asked\":null},{\"asked\":5}");
    // The outer number is taken, the inner one was free: it is given back.
    expect_refusal(5, init, EEXIST, 2, "{\"asked\":20001},{\"asked\":50}");

    state->done = 0;
    pid_t without = clone3_flags(CLONE_NEWUSER | CLONE_NEWPID);
    if (without == 0) init_of_user_namespace();
    MUST(without > 0);
    await_nonzero(&state->done, "the refusals without capabilities");
    // In its own namespace it may; two levels of which one is not its own it may not.
    MUST(state->result[6] == -1);
    state->result[6] = 0;
    expect_refusal(7, without, EPERM, 2, "{\"asked\":20051},{\"asked\":51}");
    pid_t user = fork();
    if (user == 0) {
        MUST(setresuid(4242, 4242, 4242) == 0);
        state->result[6] = refusal(0, 1, (pid_t[]){20052});
        pause_forever();
    }
    MUST(user > 0);
    await_nonzero(&state->result[6], "the refusal without a capability");
    expect_refusal(6, user, EPERM, 1, "{\"asked\":20052}");
    say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d}}", user);
    hold("refused");
    kill_and_reap(user);
    kill_and_reap(without);
    kill_and_reap(init);
    return 0;
}
