// SPDX-License-Identifier: Apache-2.0
// Chosen pids from outside: spawn and pidvec, in pid namespaces of their own, where nobody else
// takes numbers.
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/outcome.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

void expect_said(const Outcome& outcome, const std::string& text) {
    EXPECT_NE((outcome.out + outcome.err).find(text), std::string::npos)
        << "wanted: " << text << "\nsaid: " << outcome.out << outcome.err;
}

/// LeakSanitizer clones at the end of a program. Where that one's children are in another pid
/// namespace it waits for ever, and where they would be in a dead one it cannot.
Outcome run_unwatched(const std::string& command) {
    return run("export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0; " + command);
}

/// As the only one in a new pid namespace.
Outcome run_inside(const std::string& command) {
    return run_unwatched("export N; unshare --pid --fork --mount-proc sh -c '" + command + "'");
}

/// Beside a `sleep` that is number 1 in a new pid namespace; $P is its pid out here.
Outcome run_beside(const std::string& command) {
    return run_unwatched(
        "F=$(mktemp); export F; "
        "unshare --pid --fork sh -c "
        "'read pid rest </proc/self/stat; echo $pid >$F; exec sleep 60' 2>/dev/null & u=$!; "
        "until [ -s $F ]; do sleep 0.05; done; P=$(cat $F); rm $F; "
        "until [ \"$(cat /proc/$P/comm)\" = sleep ]; do sleep 0.05; done; " +
        command + "; s=$?; { kill -KILL $P; wait $u; } 2>/dev/null; exit $s");
}

/// Beside a `sleep` whose next child would be in a pid namespace whose init is gone.
Outcome run_beside_dead(const std::string& command) {
    return run_unwatched(
        "unshare --pid sh -c '/bin/true; exec sleep 60' & P=$!; "
        "until [ \"$(cat /proc/$P/comm)\" = sleep ]; do sleep 0.05; done; " +
        command + "; s=$?; { kill $P; wait $P; } 2>/dev/null; exit $s");
}

TEST(Spawn, GivesTheNumberAndTheStatus) {
    if (geteuid() != 0) {
        FAIL() << "run the tests as root: pid namespaces and chosen pids need it";
    }
    Outcome outcome = run_inside("\"$N\" spawn --set-tid 77 -- sh -c \"echo \\$\\$; exit 3\"");
    EXPECT_EQ(outcome.status, 3) << outcome.err;
    EXPECT_EQ(outcome.out, "77\n");
    EXPECT_EQ(outcome.err, "");
    outcome = run_inside("\"$N\" spawn --set-tid 77 -- sh -c \"kill -9 \\$\\$\"");
    EXPECT_EQ(outcome.status, 137) << outcome.err;
}

TEST(Spawn, ACommandThatIsNotThereIs127) {
    const Outcome outcome = run_inside("\"$N\" spawn --set-tid 77 -- /no/such/command");
    EXPECT_EQ(outcome.status, 127);
    expect_one_clear_line(outcome);
    expect_said(outcome, "run /no/such/command: No such file or directory");
}

TEST(Spawn, PassesSignalsOn) {
    const Outcome outcome = run_inside(
        "F=$(mktemp -u); export F; "
        "\"$N\" spawn --set-tid 77 -- sh -c "
        "\"trap \\\"exit 4\\\" TERM; touch \\$F; while :; do sleep 0.05; done\" & p=$!; "
        "until [ -e $F ]; do sleep 0.05; done; rm $F; kill -TERM $p; wait $p");
    EXPECT_EQ(outcome.status, 4) << outcome.err;
}

TEST(Spawn, ATakenNumberIsToldWithWhoHasIt) {
    const Outcome outcome =
        run_inside("sleep 60 & p=$!; \"$N\" spawn --set-tid $p -- true; s=$?; kill $p; exit $s");
    EXPECT_EQ(outcome.status, 1);
    expect_one_clear_line(outcome);
    expect_said(outcome, "EEXIST");
    expect_said(outcome, "(sleep)");
}

TEST(Spawn, NumbersThatAreNonePidMaxAndTooMany) {
    for (const char* numbers : {"0", "-1", "2147483647"}) {
        const Outcome outcome =
            run_inside("\"$N\" spawn --set-tid=" + std::string(numbers) + " -- true");
        EXPECT_EQ(outcome.status, 1) << numbers;
        expect_one_clear_line(outcome);
        expect_said(outcome, "EINVAL");
        expect_said(outcome, numbers);
    }
    std::string many = "7";
    for (int i = 0; i < 32; i++) {
        many += ":7";
    }
    const Outcome outcome = run_inside("\"$N\" spawn --set-tid " + many + " -- true");
    EXPECT_EQ(outcome.status, 1);
    expect_said(outcome, "EINVAL: 33 numbers, and clone3 takes 32 at most");
}

TEST(Spawn, WithoutTheCapability) {
    const Outcome outcome = run_unwatched(
        "setpriv --inh-caps -all --bounding-set -all \"$N\" spawn --set-tid 299 -- true");
    EXPECT_EQ(outcome.status, 1);
    expect_said(outcome, "EPERM");
    expect_said(outcome, "neither CAP_CHECKPOINT_RESTORE nor CAP_SYS_ADMIN");
}

TEST(Spawn, InANamespaceWithoutInitOnlyNumberOne) {
    Outcome outcome = run_unwatched("unshare --pid \"$N\" spawn --set-tid 9 -- true");
    EXPECT_EQ(outcome.status, 1);
    expect_one_clear_line(outcome);
    expect_said(outcome, "EINVAL: the namespace has no init yet, and its first number must be 1");
    outcome = run_unwatched("unshare --pid \"$N\" spawn --set-tid 1 -- sh -c 'echo $$'");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "1\n");
}

TEST(Spawn, InADeadNamespace) {
    const Outcome outcome = run_unwatched(
        "export N; "
        "unshare --pid sh -c '/bin/true; exec \"$N\" spawn --set-tid 9 -- true'");
    EXPECT_EQ(outcome.status, 1);
    expect_one_clear_line(outcome);
    expect_said(outcome, "ENOMEM: the namespace is dead");
}

TEST(Spawn, InTheNamespaceOfAnother) {
    Outcome outcome = run_beside("$N spawn --in $P --set-tid 77 -- sh -c 'echo $$'");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "77\n");
    outcome = run_beside("$N spawn --in $P --set-tid 1 -- true");
    EXPECT_EQ(outcome.status, 1);
    expect_said(outcome, "EEXIST");
    expect_said(outcome, "1 is taken by tid");
    outcome = run_unwatched("$N spawn --in 4194303 --set-tid 1 -- true");
    EXPECT_EQ(outcome.status, 1);
    expect_one_clear_line(outcome);
}

TEST(Pidvec, OfWhatIsNoPidNamespace) {
    if (!live_possible()) {
        return;
    }
    for (const char* name : {"/dev/null", "/no/such/file", "/proc/self/ns/net", "4194303",
                             "4294967295", "'pid:[12]'", "''"}) {
        const Outcome outcome = run_unwatched("$N pidvec " + std::string(name));
        EXPECT_EQ(outcome.status, 1) << name;
        expect_one_clear_line(outcome);
    }
}

TEST(Pidvec, TellsEveryLevel) {
    if (!live_possible()) {
        EXPECT_EQ(run_unwatched("$N pidvec $$").status, 4);
        return;
    }
    Outcome outcome = run_beside("$N pidvec $P");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(outcome.out.starts_with("1:")) << outcome.out;
    expect_said(outcome, "last pid 1  1 numbers in use");
    expect_said(outcome, "(sleep)");
    outcome = run_beside("$N pidvec /proc/$P/ns/pid --json");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const auto document = json::parse(outcome.out);
    EXPECT_EQ(document["schema"], "nstrail.pidvec/1");
    ASSERT_EQ(document["levels"].size(), 2U);
    const json& inner = document["levels"][1];
    EXPECT_EQ(inner["pid_namespace"], document["pid_namespace"]);
    EXPECT_EQ(inner["level"], 1);
    EXPECT_EQ(inner["last_pid"], 1);
    EXPECT_EQ(inner["used"], 1);
    EXPECT_EQ(inner["has_reaper"], true);
    EXPECT_EQ(inner["adding"], true);
    EXPECT_EQ(inner["capable"], true);
    EXPECT_EQ(document["levels"][0]["level"], 0);
    EXPECT_GT(document["levels"][0]["pid_max"], 300);
}

TEST(Pidvec, TakesItsInodeNumberToo) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome = run_beside(
        "I=$(readlink /proc/$P/ns/pid); $N pidvec \"$I\" && I=${I#pid:[} && $N pidvec ${I%]}");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(outcome.out.starts_with("1:")) << outcome.out;
}

TEST(Pidvec, ChecksAsTheKernelWould) {
    if (!live_possible()) {
        return;
    }
    struct Case {
        const char* asked;
        int status;
        const char* text;
    };
    for (const Case& one :
         {Case{"5", 0, "possible"}, Case{"300", 0, "possible"}, Case{"1", 1, "EEXIST at level 1"},
          Case{"1", 1, "(sleep)"}, Case{"0", 1, "EINVAL at level 1"},
          Case{"5:0", 1, "EINVAL at level 0"}, Case{"5:1", 1, "EEXIST at level 0"},
          Case{"5:6:7", 1, "EINVAL: 3 numbers for 2 nested pid namespaces"}}) {
        const Outcome outcome = run_beside("$N pidvec $P --check " + std::string(one.asked));
        EXPECT_EQ(outcome.status, one.status) << one.asked << '\n' << outcome.out << outcome.err;
        expect_said(outcome, one.text);
    }
    const Outcome outcome = run_beside("$N pidvec $P --check 1:0 --json");
    EXPECT_EQ(outcome.status, 1);
    const json check = json::parse(outcome.out)["check"];
    EXPECT_EQ(check["asked"], "1:0");
    EXPECT_EQ(check["answer"], "refused");
    EXPECT_EQ(check["error"], "EEXIST");
    EXPECT_EQ(check["level"], 1);
    EXPECT_EQ(check["levels"][0]["asked"], 0);
    EXPECT_EQ(check["levels"][0]["error"], "EINVAL");
    EXPECT_EQ(check["levels"][1]["error"], "EEXIST");
}

TEST(Pidvec, ANumberThatOnlyASessionStillNeedsIsTaken) {
    if (!live_possible()) {
        return;
    }
    // The leader of a session ends, its child lives on.
    const Outcome outcome = run_beside(
        "nsenter --pid=/proc/$P/ns/pid setsid sh -c 'sleep 60 >/dev/null 2>&1 & sleep 0.1'; "
        "$N pidvec $P --check 2");
    EXPECT_EQ(outcome.status, 1);
    expect_said(outcome, "EEXIST");
    expect_said(outcome, "2 is taken by the ");
}

TEST(Pidvec, SetsWhatTheNextProcessGets) {
    if (!live_possible()) {
        return;
    }
    Outcome outcome =
        run_beside("$N pidvec $P --set 40 && nsenter --pid=/proc/$P/ns/pid sh -c 'echo got $$'");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    expect_said(outcome, "asked 40  now 40");
    expect_said(outcome, "got 41");
    outcome = run_beside("$N pidvec $P --set 250 --json");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const json set = json::parse(outcome.out)["set"];
    EXPECT_EQ(set["done"], true);
    EXPECT_EQ(set["levels"][0]["now"], 250);
    for (const char* bad : {"=-1", " 5:6:7", " 5:2000000000", " 2000000000"}) {
        outcome = run_beside("$N pidvec $P --set" + std::string(bad));
        EXPECT_EQ(outcome.status, 1) << bad;
        expect_one_clear_line(outcome);
    }
}

TEST(Pidvec, OfADeadNamespace) {
    if (!live_possible()) {
        return;
    }
    const std::string name = "/proc/$P/ns/pid_for_children";
    Outcome outcome = run_beside_dead("$N pidvec " + name);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    expect_said(outcome, "dead");
    outcome = run_beside_dead("$N pidvec " + name + " --check 5");
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    // Whether it ever had an init decides between EINVAL and ENOMEM, and nobody can tell any more.
    expect_said(outcome, "refused: the namespace is dead");
    outcome = run_beside_dead("$N pidvec " + name + " --check 1");
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    expect_said(outcome, "ENOMEM: the namespace is dead");
    outcome = run_beside_dead("$N pidvec " + name + " --set 5");
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    expect_one_clear_line(outcome);
    expect_said(outcome, "is dead");
}

}  // namespace
}  // namespace nstrail::test
