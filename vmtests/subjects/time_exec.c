// SPDX-License-Identifier: Apache-2.0
//
// When a time namespace for children is entered: by a fork always; by vfork and exec only where the
// kernel allows the vfork, and then at exec. The truth is what /proc says afterwards.
#include "subject.h"

/// vfork returns to the parent in the middle of the exec, before exec_task_namespaces(). The new
/// program's arguments show in /proc only when the exec is past that.
static void wait_for_exec(pid_t child, const char* name) {
    char path[64];
    char line[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/cmdline", child);
    while (strcmp(line, name) != 0) {
        FILE* file = fopen(path, "r");
        MUST(file != NULL);
        const size_t got = fread(line, 1, sizeof(line) - 1, file);
        line[got] = 0;
        fclose(file);
        usleep(1000);
    }
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "wait") == 0) pause_forever();
    const unsigned own = inum_of(getpid(), "time");
    MUST(unshare(CLONE_NEWTIME) == 0);
    const unsigned fresh = inum_of(getpid(), "time_for_children");
    MUST(fresh != own && inum_of(getpid(), "time") == own);
    say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"switched\","
        "\"before\":{\"time\":%u,\"time_for_children\":%u},"
        "\"after\":{\"time\":%u,\"time_for_children\":%u}}",
        getpid(), own, own, own, fresh);
    hold("unshared");

    pid_t forked = fork();
    if (forked == 0) pause_forever();
    MUST(forked > 0 && inum_of(forked, "time") == fresh);
    say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d},\"ns\":{\"time\":%u}}", forked, fresh);
    hold("forked");
    kill_and_reap(forked);

    char* arguments[] = {"vforked", "wait", NULL};
    pid_t child = vfork();
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        _exit(97);
    }
    if (child < 0 && errno == EINVAL) {
        // Such a kernel does not let two time namespaces share one address space, even for so long.
        say("note vfork below a new time namespace is refused");
        say("never {\"kind\":\"task_new\",\"actor\":{\"tid\":%d},\"clone_flags\":%d}", getpid(),
            CLONE_VM | CLONE_VFORK);
        return 0;
    }
    MUST(child > 0);
    wait_for_exec(child, arguments[0]);
    const unsigned after = inum_of(child, "time");
    say("note after vfork and exec the time namespace is %s",
        after == fresh ? "new" : "the old one");
    if (after == fresh) {
        say("expect {\"kind\":\"task_new\",\"task\":{\"tid\":%d},\"ns\":{\"time\":%u}}", child,
            own);
        say("expect {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"exec\","
            "\"before\":{\"time\":%u},\"after\":{\"time\":%u}}",
            child, own, fresh);
    } else {
        say("never {\"kind\":\"ns_switch\",\"task\":{\"tid\":%d},\"via\":\"exec\"}", child);
    }
    hold("after_exec");
    kill_and_reap(child);
    expect_exit(child, SIGKILL);
    expect_release(child, child, "entry");
    return 0;
}
