// SPDX-License-Identifier: Apache-2.0
// Recordings from outside: one of the first format, kept for ever, and new ones of this kernel.
#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/outcome.hpp"
#include "record/recordings.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

std::string on(const std::string& command, const std::string& words = {}) {
    return "$N " + command + ' ' + format_1 + ' ' + words;
}

std::size_t line_count(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST(Format1, ReplaysToTheSameBytesEachTime) {
    const Outcome once = run(on("replay", "--json"));
    EXPECT_EQ(once.status, 0) << once.err;
    EXPECT_EQ(line_count(once.out), 194U);
    EXPECT_EQ(run(on("replay", "--json")).out, once.out);
    EXPECT_EQ(once.err,
              "nstrail: 194 events, 0 lost; tasks: 9 born, 8 released; namespaces: 5 created, 5 "
              "destroyed; rules: 0 violations, 0 unknown\n");
    // Each line is an event again; the text of a replay is that of its JSON lines.
    const Outcome lines = run(on("replay", "--json") + " | $N replay -");
    EXPECT_EQ(lines.out, run(on("replay")).out);
}

TEST(Format1, KeepsEveryRule) {
    const Outcome outcome = run(on("check", "--json"));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const json document = json::parse(outcome.out);
    EXPECT_EQ(document["events"], 194);
    EXPECT_EQ(document["account"], json({{"created", 5}, {"destroyed", 5}, {"alive", 9}}));
}

TEST(Format1, TellsTheHierarchyOfAnyMoment) {
    const auto pids = [](const std::string& at) {
        const Outcome outcome = run("$N tree --json --tasks --at " + at + " --from " + format_1);
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        const json tree = json::parse(outcome.out);
        EXPECT_TRUE(tree["certain"].get<bool>());
        std::vector<std::uint32_t> inums;
        for (const json& ns : tree["namespaces"]) {
            if (ns["type"] == "pid") {
                inums.push_back(ns["inum"]);
            }
        }
        return inums;
    };
    EXPECT_EQ(pids("+1s"), (std::vector<std::uint32_t>{4026531836, 4026532162}));
    EXPECT_EQ(pids("+2s"), (std::vector<std::uint32_t>{4026531836, 4026532162}));
    EXPECT_EQ(pids("+3s"), (std::vector<std::uint32_t>{4026531836}));
    EXPECT_EQ(pids("+1h"), (std::vector<std::uint32_t>{4026531836}));
}

TEST(Format1, ShowsAPartOfItself) {
    const Outcome whole = run(on("replay", "--json"));
    const Outcome part = run(on("replay", "--json --begin +2s --end +2500ms"));
    EXPECT_EQ(part.status, 0) << part.err;
    EXPECT_GT(line_count(part.out), 3U);
    EXPECT_NE(whole.out.find(part.out), std::string::npos);
    // By the calendar: the recording knows what boottime meant then.
    const json session = json::parse(whole.out.substr(0, whole.out.find('\n')));
    EXPECT_GT(session["wall_offset_ns"].get<std::uint64_t>(), 1'600'000'000'000'000'000U);
    const Outcome all = run(on("replay", "--json --begin 2000-01-01T00:00:00Z"));
    EXPECT_EQ(all.status, 2);
    EXPECT_NE(all.err.find("that was before the host was started"), std::string::npos) << all.err;
    EXPECT_EQ(run(on("replay", "--json --end 2100-01-01T00:00:00+01:00")).out, whole.out);
}

TEST(Format1, TellsWhatCameAndWent) {
    const Outcome outcome = run(on("diff", "--at +1s --at +3s"));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out,
              "- mnt:[4026532161]\n- pid:[4026532162]\n- net:[4026532163]\n- unshare (4017)\n"
              "- sh (4018)\n- sleep (4019)\n+ sleep (4020)\n");
    const json came = json::parse(run(on("diff", "--json --at +1ms --at +1s")).out);
    std::set<std::string> types;
    for (const json& ns : came["namespaces"]["came"]) {
        types.insert(ns["type"]);
    }
    EXPECT_EQ(types, (std::set<std::string>{"mnt", "net", "pid"}));
    EXPECT_FALSE(came["certain"].get<bool>());  // the first snapshot was under way
    const json none = json::parse(run(on("diff", "--json --at +1s --at +1s")).out);
    EXPECT_TRUE(none["tasks"]["came"].empty() && none["tasks"]["went"].empty() &&
                none["tasks"]["moved"].empty());
    EXPECT_EQ(run(on("diff", "--at +1s")).status, 2);
}

TEST(Format1, TellsTheStoryOfATaskAndOfANamespace) {
    const auto kinds = [](const std::string& who) {
        const Outcome outcome = run("$N story --json '" + who + "' --from " + format_1);
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        std::vector<std::string> all;
        for (std::size_t at = 0; at < outcome.out.size(); at = outcome.out.find('\n', at) + 1) {
            const json line = json::parse(outcome.out.substr(at, outcome.out.find('\n', at) - at));
            all.push_back(line["kind"]);
        }
        return all;
    };
    EXPECT_EQ(kinds("4018"), (std::vector<std::string>{
                                 "alloc_pid", "task_new", "task_rename", "task_exec", "task_rename",
                                 "alloc_pid", "task_new", "task_release", "free_pid", "task_exit",
                                 "ns_switch", "task_release", "free_pid", "task_free"}));
    EXPECT_EQ(kinds("net:[4026532163]"),
              (std::vector<std::string>{"inum_alloc", "namespace", "ns_switch", "task_new",
                                        "task_new", "ns_switch", "ns_switch", "ns_switch",
                                        "inum_free", "inum_free"}));
    const Outcome unknown = run("$N story 999999 --from " + std::string(format_1));
    EXPECT_EQ(unknown.status, 1);
    expect_one_clear_line(unknown);
    const Outcome nonsense = run("$N story x:[1] --from " + std::string(format_1));
    EXPECT_EQ(nonsense.status, 2);
    expect_one_clear_line(nonsense);
}

TEST(Format1, OpensInBabeltrace2OnceUnpacked) {
    const TempDir dir;
    const Outcome outcome =
        run(std::string("cp -r ") + format_1 + "/. " + dir.path() + " && cd " + dir.path() +
            " && find . -name events.zst -exec zstd -q -d --rm {} + && "
            "babeltrace2 . | grep -c 'kind = ( \"events\"'");
    EXPECT_EQ(outcome.out, "194\n") << outcome.err;
}

TEST(RecordingErrors, AreOneClearLine) {
    for (const auto& [command, status, words] :
         {std::tuple("$N replay /nowhere", 1, "open /nowhere: No such file or directory"),
          {"$N replay /", 1, "it is not a recording"},
          {"$N tree --at +1s", 2, "give a recording with --from"},
          {"$N record /dev/null/x", 1, "make /dev/null/x: Not a directory"},
          {"$N record /tmp/x --max-size 1K", 2, "that is less than 4M"},
          {"$N record /tmp/x --max-age 1s", 2, "an age is at least 10s"},
          {"$N record /tmp/x --when-full wait", 2, "--when-full"}}) {
        const Outcome outcome = run(command);
        // Where nothing can be traced that is what is said first.
        if (!live_possible() && std::string(command).find("/dev/null") != std::string::npos) {
            continue;
        }
        EXPECT_EQ(outcome.status, status) << command << '\n' << outcome.err;
        EXPECT_NE(outcome.err.find(words), std::string::npos) << command << '\n' << outcome.err;
        expect_one_clear_line(outcome);
    }
    for (const char* time : {"yesterday", "+", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00",
                             "2026-01-01T00:00:00+1:00", "-5", "1e9", "2026-02-30T10:00:00Z"}) {
        const Outcome outcome = run(on("replay", std::string("--begin=") + time));
        EXPECT_EQ(outcome.status, 2) << time;
        EXPECT_NE(outcome.err.find("understand the time"), std::string::npos) << outcome.err;
    }
    for (const char* speed : {"0", "-1", "fast", "nan", ""}) {
        EXPECT_EQ(run(on("replay", std::string("--speed='") + speed + "'")).status, 2) << speed;
    }
}

TEST(Record, WhatACommandDidIsThereAfterwards) {
    if (!live_possible()) {
        GTEST_SKIP() << "nothing can be traced here";
    }
    const TempDir dir;
    const Outcome recorded = run("$N record " + dir.path() + " -- sh -c 'unshare -n true; exit 7'");
    EXPECT_EQ(recorded.status, 7) << recorded.err;
    EXPECT_NE(recorded.err.find(" events recorded, 0 not; "), std::string::npos) << recorded.err;
    const Outcome replayed = run("$N replay --json " + dir.path());
    EXPECT_EQ(replayed.status, 0) << replayed.err;
    EXPECT_NE(replayed.out.find(R"("comm":"unshare")"), std::string::npos);
    // What the recorder said at the end, the replay says too.
    EXPECT_NE(recorded.err.find(replayed.err), std::string::npos) << recorded.err << replayed.err;
}

TEST(Record, ADirectoryThatAnotherRecorderFillsIsRefused) {
    if (!live_possible()) {
        GTEST_SKIP() << "nothing can be traced here";
    }
    const TempDir dir;
    const Outcome outcome = run("$N record " + dir.path() + " -- $N record " + dir.path());
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    EXPECT_NE(outcome.err.find("another recorder is at work there"), std::string::npos)
        << outcome.err;
}

}  // namespace
}  // namespace nstrail::test
