// SPDX-License-Identifier: Apache-2.0
// The binary from outside, on this very kernel, with what it allows: full, reduced, or nothing at
// all.
#include <filesystem>
#include <set>
#include <sstream>

#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/outcome.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

TEST(Usage, WrongWordsAreExitTwoAndOneLine) {
    for (const char* words : {"",
                              "bogus",
                              "tree --bogus",
                              "tree --type foo",
                              "live --for soon",
                              "live --hooks magic",
                              "live --filter ''",
                              "live --filter 'comm=sh and pidd=1'",
                              "live --filter 'tid='",
                              "agent --listen nowhere",
                              "agent --ring-size 3K",
                              "agent --ring-size 65537",
                              "pidvec",
                              "pidvec 1 --check 7:x",
                              "pidvec 1 --check ''",
                              "pidvec 1 --set 7:",
                              "pidvec 1 --set -",
                              "pidvec 1 --check 7 --set 7",
                              "spawn -- true",
                              "spawn --set-tid 7",
                              "spawn --set-tid x:7 -- true",
                              "spawn --set-tid 7 --in 0 -- true"}) {
        const Outcome outcome = run("$N " + std::string(words));
        EXPECT_EQ(outcome.status, 2) << words;
        expect_one_clear_line(outcome);
        EXPECT_EQ(outcome.out, "") << words;
    }
}

TEST(Usage, HelpAndVersionSucceed) {
    EXPECT_EQ(run("$N --help").status, 0);
    EXPECT_EQ(run("$N live --help").status, 0);
    EXPECT_EQ(run("$N --version").out, "nstrail " NSTRAIL_VERSION "\n");
}

TEST(Privilege, WithoutItOneClearLineAndExitFour) {
    if (geteuid() != 0) {
        FAIL() << "run the tests as root: tracing needs it, and so does dropping it";
    }
    for (const char* command :
         {"tree", "doctor", "live", "agent --listen 127.0.0.1:0", "pidvec $$"}) {
        const Outcome outcome = run(
            "cp \"$N\" /tmp/nstrail-cli-test && setpriv --reuid 65534 --regid 65534 --clear-groups "
            "/tmp/nstrail-cli-test " +
            std::string(command) + "; s=$?; rm -f /tmp/nstrail-cli-test; exit $s");
        EXPECT_EQ(outcome.status, 4) << command;
        expect_one_clear_line(outcome);
        EXPECT_NE(outcome.err.find("root"), std::string::npos) << outcome.err;
    }
}

TEST(Place, InANestedPidNamespaceOneClearLineAndExitFour) {
    const Outcome outcome = run("unshare --pid --fork --mount-proc \"$N\" tree");
    EXPECT_EQ(outcome.status, 4);
    expect_one_clear_line(outcome);
    EXPECT_NE(outcome.err.find("initial pid namespace"), std::string::npos) << outcome.err;
}

TEST(Place, WithoutTypeInformationOneClearLineAndExitFour) {
    const Outcome outcome =
        run("unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf && \"$0\" tree' \"$N\"");
    EXPECT_EQ(outcome.status, 4);
    expect_one_clear_line(outcome);
    EXPECT_NE(outcome.err.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos) << outcome.err;
}

TEST(Rules, AreListed) {
    const auto document = json::parse(run("$N rules --json").out);
    EXPECT_EQ(document["schema"], "nstrail.rules/1");
    EXPECT_EQ(document["rules"].size(), 26U);
}

TEST(Doctor, NamesEveryHookAndWhatIsLostWithoutIt) {
    const Outcome outcome = run("$N doctor --json");
    ASSERT_TRUE(outcome.status == 0 || outcome.status == 4) << outcome.err;
    const auto document = json::parse(outcome.out);
    EXPECT_EQ(document["schema"], "nstrail.doctor/1");
    EXPECT_EQ(document["live_possible"], outcome.status == 0);
    if (outcome.status == 4) {
        return;
    }
    for (const auto& hook : document["hooks"]) {
        EXPECT_FALSE(hook["without"].get<std::string>().empty());
        if (hook["way"] == "none") {
            EXPECT_FALSE(hook["why"].is_null()) << hook;
        }
        EXPECT_NE(hook["fired"], false) << "attached, exercised and silent: " << hook;
    }
}

TEST(Tree, ShowsThisVeryProcess) {
    const Outcome outcome = run("$N tree --json --tasks");
    if (!live_possible()) {
        EXPECT_EQ(outcome.status, 4);
        return;
    }
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto document = json::parse(outcome.out);
    EXPECT_EQ(document["certain"], true);
    const auto link = std::filesystem::read_symlink("/proc/self/ns/mnt").string();
    bool found = false;
    for (const auto& task : document["tasks"]) {
        if (task["tid"] == getpid()) {
            found = true;
            EXPECT_EQ("mnt:[" + std::to_string(task["ns"]["mnt"].get<unsigned>()) + "]", link);
            EXPECT_EQ(task["ppid"], getppid());
        }
    }
    EXPECT_TRUE(found);
}

TEST(Live, FollowsACommandAndReturnsItsStatus) {
    const Outcome outcome = run("$N live --json -- sh -c '/bin/true; exit 3'");
    if (!live_possible()) {
        EXPECT_EQ(outcome.status, 4);
        return;
    }
    EXPECT_EQ(outcome.status, 3) << outcome.err;
    EXPECT_NE(outcome.err.find("0 lost"), std::string::npos) << outcome.err;
    std::istringstream lines(outcome.out);
    int execs = 0;
    for (std::string line; std::getline(lines, line);) {
        execs += json::parse(line)["kind"] == "task_exec" ? 1 : 0;
    }
    EXPECT_EQ(execs, 2) << outcome.out;
}

TEST(Live, OfACommandNoStrangersAreShownWhoGetTheMemoryOfItsDead) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome = run(
        "i=0; while [ $i -lt 2000 ]; do (:); i=$((i+1)); done & "
        "$N live --json -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done; sleep 0.5; :'");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    std::set<json> family;
    std::size_t births = 0;
    for (std::string line; std::getline(lines, line);) {
        const json object = json::parse(line);
        if (object["kind"] == "task_exec" && family.empty()) {
            family.insert(object["task"]["tid"]);
        } else if (object["kind"] == "task_new") {
            births++;
            EXPECT_TRUE(family.contains(object["actor"]["tid"])) << line;
            family.insert(object["task"]["tid"]);
        }
    }
    EXPECT_GE(births, 10U) << outcome.out;
}

TEST(Live, AFilterThatMeansNothingIsNamedByItsColumn) {
    const Outcome outcome = run("$N live --filter 'comm=sh and pidd=1'");
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.err,
              "nstrail: filter: column 13: unknown field \"pidd\"; did you mean \"pid\"?\n");
}

TEST(Live, OfACommandTheFilterShowsOnlyWhatMatches) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome = run(
        "$N live --json --filter 'kind=task_exec and not comm=true' -- sh -c '/bin/true; exit 3'");
    EXPECT_EQ(outcome.status, 3) << outcome.err;
    std::istringstream lines(outcome.out);
    int execs = 0;
    for (std::string line; std::getline(lines, line);) {
        const json object = json::parse(line);
        if (object["kind"] != "gap") {
            EXPECT_EQ(object["kind"], "task_exec");
            EXPECT_EQ(object["comm"], "sh");
            execs++;
        }
    }
    EXPECT_EQ(execs, 1) << outcome.out;
    const Outcome text = run("$N live --filter 'comm=true and kind=task_exec' -- sh -c /bin/true");
    EXPECT_NE(text.out.find("task_exec"), std::string::npos) << text.out;
    EXPECT_EQ(text.out.find("task_exit"), std::string::npos) << text.out;
}

TEST(Live, OfTheHostTheSessionPassesAnyFilter) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome = run("$N live --json --for 1s --filter 'tid=1 and tid=2'");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    int sessions = 0;
    for (std::string line; std::getline(lines, line);) {
        const json object = json::parse(line);
        sessions += object["kind"] == "session" ? 1 : 0;
        EXPECT_TRUE(object["kind"] == "session" || object["kind"] == "gap") << line;
    }
    EXPECT_EQ(sessions, 1) << outcome.out;
}

TEST(Live, ACommandThatIsNotThereIsOneClearLine) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome = run("$N live -- /no/such/command 2>&1 | grep -v 'reduced mode'");
    EXPECT_NE(outcome.out.find("run /no/such/command: No such file or directory"),
              std::string::npos)
        << outcome.out;
}

TEST(Live, SwitchesAreSeenAtOnceWhereAskedFor) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome = run("$N live --json --exact-switches -- unshare --uts true");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("\"kind\":\"ns_switch\""), std::string::npos) << outcome.out;
}

TEST(Agent, EndsCleanlyOnSigtermWithItsAccount) {
    if (!live_possible()) {
        return;
    }
    const Outcome outcome =
        run("$N agent --listen 127.0.0.1:0 & p=$!; sleep 1; kill -TERM $p; wait $p");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("page http://127.0.0.1:"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.err.find("events, 0 lost"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace nstrail::test
