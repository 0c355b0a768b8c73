// SPDX-License-Identifier: Apache-2.0
// `nstrail check` from outside: what it says of streams, by its exit code and its words.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/outcome.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

// Recorded in a virtual machine; nothing was lost.
constexpr const char* clean = FIXTURES "/debian-6.12-containers.jsonl";
// Has a gap, and what is missing there leaves some of the rest undecided.
constexpr const char* lossy = FIXTURES "/scripted-containers.jsonl";

std::string check(const std::string& words) {
    return "$N check " + words;
}

TEST(Check, ACleanStreamIsZero) {
    const Outcome outcome = run(check(std::string("--json ") + clean));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const json document = json::parse(outcome.out);
    EXPECT_EQ(document["schema"], "nstrail.check/1");
    EXPECT_EQ(document["lost"], 0);
    EXPECT_TRUE(document["findings"].empty());
    std::uint64_t checked = 0;
    for (const json& rule : document["rules"]) {
        EXPECT_FALSE(rule["uncheckable"].get<bool>()) << rule;
        checked += rule["checked"].get<std::uint64_t>();
    }
    EXPECT_GT(checked, 100U);
    EXPECT_EQ(document["rules"].size(), json::parse(run("$N rules --json").out)["rules"].size());
    EXPECT_EQ(
        document["account"]["created"].get<int>() - document["account"]["destroyed"].get<int>(), 7);
}

TEST(Check, ALossyStreamIsFourAndNamesTheGap) {
    const Outcome outcome = run(check(lossy));
    EXPECT_EQ(outcome.status, 4) << outcome.out;
    EXPECT_NE(outcome.out.find("2 events were lost around it (ring)"), std::string::npos)
        << outcome.out;
    EXPECT_EQ(outcome.out.find("VIOLATION"), std::string::npos) << outcome.out;
}

TEST(Check, AForeignSwitchIsThreeWithItsRule) {
    // As if another task had given each its nsproxy.
    const std::string damage =
        R"(sed -E '/"kind":"ns_switch".*"via":"switched"/ s/("actor_key":")[0-9a-f]+/\1abc/' )";
    const Outcome outcome = run(damage + clean + " | " + check("--json -"));
    EXPECT_EQ(outcome.status, 3) << outcome.err;
    const json document = json::parse(outcome.out);
    ASSERT_FALSE(document["findings"].empty());
    for (const json& finding : document["findings"]) {
        EXPECT_EQ(finding["rule"], "NSP1");
        EXPECT_EQ(finding["verdict"], "violation");
        EXPECT_EQ(finding["evidence"].back()["kind"], "ns_switch");
    }
}

TEST(Check, BadInputIsOneClearLine) {
    for (const char* words : {"/nowhere/at/all", "/", FIXTURES "/README.md"}) {
        const Outcome outcome = run(check(words) + " >/dev/null");
        EXPECT_EQ(outcome.status, 1) << words;
        expect_one_clear_line(outcome);
    }
    const Outcome empty = run(check("/dev/null") + " >/dev/null");
    EXPECT_EQ(empty.status, 4);
    expect_one_clear_line(empty);
    for (const char* words : {"", "--notable odd x", "--stuck-after soon x"}) {
        const Outcome outcome = run(check(words));
        EXPECT_EQ(outcome.status, 2) << words;
        expect_one_clear_line(outcome);
    }
}

}  // namespace
}  // namespace nstrail::test
