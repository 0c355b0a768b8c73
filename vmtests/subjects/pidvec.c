// SPDX-License-Identifier: Apache-2.0
//
// nstrail pidvec: the last pids of nested pid namespaces as the tree has them; set, the next
// process follows them; and whether a process could have some pids is answered as clone3() then
// does.
#include "command.h"

enum { depth = 3, tries = 6 };
static struct nest* nest;

static void say_last_pids(const int last[depth + 1], const char* moved_by) {
    say("namespace pid %u {\"last_pid_vector\":\"%d:%d:%d:*\"}", nest->inum[3], last[3], last[2],
        last[1]);
    for (int level = 1; level <= depth; ++level) {
        say("namespace pid %u {\"last_pid\":%d}", nest->inum[level], last[level]);
    }
    // Only the tracked tree knows how it came to be so.
    if (moved_by) {
        say("tracked pid %u {\"last_pid_moved\":{\"by\":\"%s\"}}", nest->inum[3], moved_by);
    }
}

// What it prints is what the tree must have at the next hold.
static void print_vector(const char* name, const int last[depth + 1]) {
    struct command command;
    char words[128];
    char wanted[64];
    snprintf(words, sizeof words, "pidvec %s", name);
    snprintf(wanted, sizeof wanted, "%d:%d:%d:", last[3], last[2], last[1]);
    const int status = run_nstrail(&command, words);
    if (status != 0) FAIL("nstrail %s: status %d: %s", words, status, command.err);
    if (strncmp(command.out, wanted, strlen(wanted)) != 0) {
        FAIL("nstrail %s: '%s' does not begin with '%s'", words, command.out, wanted);
    }
}

// Of the innermost namespaces, by level; 0 at level 0: not there.
static int set_vector(const int last[depth + 1]) {
    struct command command;
    char words[128];
    char initial[16] = "";
    if (last[0]) snprintf(initial, sizeof initial, ":%d", last[0]);
    snprintf(words, sizeof words, "pidvec %u --set %d:%d:%d%s", nest->inum[3], last[3], last[2],
             last[1], initial);
    const int status = run_nstrail(&command, words);
    if (status != 0) say("note nstrail %s: status %d: %s", words, status, command.err);
    return status;
}

static void expect_written(const int last[depth + 1]) {
    for (int level = depth; level >= 0; --level) {
        if (last[level] == 0) continue;
        say("expect {\"kind\":\"ns_last_pid\",\"pid_namespace\":%u,\"value\":%d}",
            nest->inum[level], last[level]);
    }
}

static void follow(int last[depth + 1]) {
    const int child = fork_innermost(nest);
    for (int level = 1; level <= depth; ++level) {
        must_have_number(child, level, ++last[level]);
    }
    expect_birth(nest->tid[depth], child, child, nest->inum);
}

// The initial namespace has others who fork: it is tried until nobody was faster.
static void set_all_levels(int last[depth + 1]) {
    for (int i = 0; i < tries; ++i) {
        const int wanted[depth + 1] = {25000 + 10 * i, 300 + 10 * i, 200 + 10 * i, 100 + 10 * i};
        memcpy(last, wanted, sizeof wanted);
        const int status = set_vector(last);
        const int child = fork_innermost(nest);
        if (status != 0 || child != wanted[0] + 1) continue;
        expect_written(wanted);
        for (int level = 1; level <= depth; ++level) {
            must_have_number(child, level, ++last[level]);
        }
        expect_birth(nest->tid[depth], child, child, nest->inum);
        return;
    }
    FAIL("others were faster %d times", tries);
}

// The answer, and what then happens.
static void check(const char* asked, const char* error) {
    struct command command;
    char words[128];
    snprintf(words, sizeof words, "pidvec /proc/%d/ns/pid --check %s --json", nest->tid[3], asked);
    int status = run_nstrail(&command, words);
    if (status != (error ? 1 : 0)) {
        FAIL("nstrail %s: status %d: %s%s", words, status, command.out, command.err);
    }
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"answer\":\"%s\",\"error\":%s%s%s",
             error ? "refused" : "possible", error ? "\"" : "", error ? error : "null",
             error ? "\"" : "");
    must_say(words, command.out, wanted);

    snprintf(words, sizeof words, "spawn --in %d --set-tid %s -- true", nest->tid[3], asked);
    status = run_nstrail(&command, words);
    if (status != (error ? 1 : 0)) FAIL("nstrail %s: status %d: %s", words, status, command.err);
    if (error) must_say(words, command.err, error);
}

int main(void) {
    char name[32];
    nest = make_nest(depth);
    int last[depth + 1] = {0, 3, 2, 1};
    snprintf(name, sizeof name, "%d", nest->tid[3]);
    print_vector(name, last);
    say_last_pids(last, NULL);
    hold("made");

    const int wanted[depth + 1] = {0, 60, 50, 40};
    memcpy(last, wanted, sizeof last);
    if (set_vector(last) != 0) FAIL("the last pids could not be set");
    expect_written(last);
    snprintf(name, sizeof name, "%u", nest->inum[3]);
    print_vector(name, last);
    say_last_pids(last, "write");
    hold("written");
    follow(last);
    set_all_levels(last);
    say_last_pids(last, "allocation");
    hold("followed");

    check("70:80:90", NULL);
    check("41:80:90", "EEXIST");
    check("70:80:61", "EEXIST");
    check("70:9999999", "EINVAL");
    check("70:80:90:30000:5", "EINVAL");
    kill_and_reap(nest->tid[1]);
    expect_release(nest->tid[1], nest->tid[1], "entry");
    return 0;
}
