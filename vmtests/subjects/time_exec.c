// SPDX-License-Identifier: Apache-2.0
//
// When a time namespace for children is entered: by a fork always; by vfork and exec only where the
// kernel allows the vfork, and then at exec. The truth is what /proc says afterwards.
#include "subject.h"

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
