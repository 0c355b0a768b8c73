// SPDX-License-Identifier: Apache-2.0
// A recording that is served says what the command line says of it.
#include <string>

#include <gtest/gtest.h>

#include "cli/outcome.hpp"
#include "cli/served.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

constexpr const char* lines = FIXTURES "/debian-6.12-containers.jsonl";

json printed(const std::string& command) {
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.status, 0) << command << '\n' << outcome.err;
    return json::parse(outcome.out);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        all.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return all;
}

/// What follows `field` in the lines of server-sent events, of which the last says how many.
struct Told {
    std::vector<std::string> data;
    std::string end;
};

Told told(const std::string& events) {
    Told all;
    bool ends = false;
    for (const std::string& line : lines_of(events)) {
        if (line == "event: end") {
            ends = true;
        } else if (line.starts_with("data: ")) {
            (ends ? all.end : all.data.emplace_back()) = line.substr(6);
        }
    }
    return all;
}

class ServedRecording : public testing::Test {
protected:
    Served served_{{"replay", format_1, "--serve", "127.0.0.1:0"}};
    std::string from_ = std::string(" --from ") + format_1;
};

TEST_F(ServedRecording, SaysWhatItIs) {
    const json about = served_.json("/api/v1/about");
    EXPECT_EQ(about["schema"], "nstrail.about/1");
    EXPECT_EQ(about["mode"], "recording");
    EXPECT_EQ(about["version"], NSTRAIL_VERSION);
    EXPECT_EQ(about["recording"], format_1);
    EXPECT_EQ(about["boots"], 1);
    EXPECT_EQ(about["host_boot_id"], "010eef66-ed47-462e-b860-ee0a89f64fb2");
    const json end = printed("$N tree --json" + from_);
    EXPECT_EQ(about["host_boot_id"], end["boot_id"]);
    EXPECT_LE(end["at_boot_ns"], about["end_boot_ns"]);
    EXPECT_LT(about["begin_boot_ns"], about["end_boot_ns"]);
    // Both ends of a slider are times that can be asked for.
    for (const char* side : {"begin_boot_ns", "end_boot_ns"}) {
        EXPECT_EQ(served_.get("/api/v1/tree?at=" + about[side].dump())->status, 200) << side;
    }
    for (const char* side : {"begin", "end"}) {
        const json at = served_.json("/api/v1/tree?at=" + about[side].get<std::string>());
        EXPECT_EQ(at,
                  served_.json("/api/v1/tree?at=" + about[side + std::string("_boot_ns")].dump()))
            << side;
    }
    EXPECT_EQ(served_.json("/api/v1/tree?tasks=1&at=" + about["end_boot_ns"].dump()),
              served_.json("/api/v1/tree?tasks=1"));
}

TEST_F(ServedRecording, TellsTheTreeOfAnyMomentAsTheCommandLineDoes) {
    for (const std::string at : {"+1ms", "+1s", "+2500ms", "+3s", "+1h", "+1s"}) {
        EXPECT_EQ(served_.json("/api/v1/tree?tasks=1&at=" + at),
                  printed("$N tree --json --tasks --at " + at + from_))
            << at;
        EXPECT_EQ(served_.json("/api/v1/tree?at=" + at),
                  printed("$N tree --json --at " + at + from_))
            << at;
    }
    EXPECT_EQ(served_.json("/api/v1/tree?tasks=1"), printed("$N tree --json --tasks" + from_));
}

TEST_F(ServedRecording, FindsWhatCheckFinds) {
    const json found = served_.json("/api/v1/findings");
    const json checked = printed(std::string("$N check --json ") + format_1);
    for (const char* part : {"rules", "findings", "left_out", "notable"}) {
        EXPECT_EQ(found[part], checked[part]) << part;
    }
    std::uint64_t all = 0;
    std::uint64_t half = 0;
    const json early = served_.json("/api/v1/findings?at=+2s");
    for (std::size_t i = 0; i < found["rules"].size(); i++) {
        all += found["rules"][i]["checked"].get<std::uint64_t>();
        half += early["rules"][i]["checked"].get<std::uint64_t>();
    }
    EXPECT_GT(half, 0U);
    EXPECT_LT(half, all);
}

TEST_F(ServedRecording, TellsCardsWithTheStoryThatTheCommandLineTells) {
    const json tree = printed("$N tree --json --tasks --at +1s" + from_);
    std::size_t compared = 0;
    const auto compare = [&](const json& one, const std::string& what, const std::string& number) {
        const json card = served_.json("/api/v1/" + what + "/" + number + "?at=+1s");
        EXPECT_EQ(card[what], one);
        EXPECT_EQ(card["at_boot_ns"], tree["at_boot_ns"]);
        EXPECT_EQ(card["story_cut"], 0);
        json story = json::array();
        for (const std::string& line : lines_of(run("$N story --json " + number + from_).out)) {
            story.push_back(json::parse(line));
        }
        EXPECT_EQ(card["story"], story) << what << ' ' << number;
        compared += story.empty() ? 0 : 1;
    };
    for (const json& ns : tree["namespaces"]) {
        compare(ns, "namespace", ns["inum"].dump());
    }
    for (const char* tid : {"4017", "4018", "4019"}) {
        for (const json& task : tree["tasks"]) {
            if (task["tid"].dump() == tid) {
                compare(task, "task", tid);
            }
        }
    }
    EXPECT_GT(compared, 5U);
    // At its end they are gone.
    EXPECT_EQ(served_.get("/api/v1/task/4018")->status, 404);
    EXPECT_EQ(served_.json("/api/v1/why/4026532162?at=+1s")["namespace"]["inum"], 4026532162U);
    EXPECT_EQ(served_.get("/api/v1/why/4026532162")->status, 404);
}

TEST_F(ServedRecording, TellsTheEventsThatReplayTells) {
    const auto compare = [&](const std::string& query, const std::string& options) {
        const Told events = told(served_.get("/api/v1/events" + query)->body);
        const auto replayed = lines_of(run("$N replay --json " + options + format_1).out);
        EXPECT_EQ(events.data, replayed) << query;
        EXPECT_EQ(events.end, "{\"lines\":" + std::to_string(replayed.size()) + "}") << query;
        return replayed.size();
    };
    EXPECT_EQ(compare("", ""), 194U);
    EXPECT_GT(compare("?begin=+2s&end=+2500ms", "--begin +2s --end +2500ms "), 3U);
    EXPECT_GT(compare("?filter=comm%3Dsleep", "--filter comm=sleep "), 3U);
    // What was hooked is told whatever the filter.
    EXPECT_EQ(compare("?filter=comm%3Dnobody", "--filter comm=nobody "), 1U);

    auto latest = lines_of(run(std::string("$N replay --json --end +3s ") + format_1).out);
    latest.erase(latest.begin(), latest.end() - 5);
    const Told last = told(served_.get("/api/v1/events?last=5&end=+3s")->body);
    EXPECT_EQ(last.data, latest);
    EXPECT_EQ(last.end, "{\"lines\":5}");
    EXPECT_EQ(told(served_.get("/api/v1/events?last=1000")->body).data.size(), 194U);
}

TEST_F(ServedRecording, RefusesWhatIsNoTime) {
    for (const char* path :
         {"/api/v1/tree?at=yesterday", "/api/v1/tree?at=", "/api/v1/tree?at=1",
          "/api/v1/tree?att=1", "/api/v1/events?last=1001", "/api/v1/events?last=-1",
          "/api/v1/events?begin=x", "/api/v1/events?end=", "/api/v1/findings?at=%00",
          "/metrics?at=2000-01-01T00:00:00Z", "/api/v1/task/1?at=+", "/api/v1/about?at=+1s"}) {
        const auto answer = served_.get(path);
        EXPECT_EQ(answer->status, 400) << path;
        EXPECT_TRUE(json::parse(answer->body)["error"].is_string()) << path;
    }
}

TEST_F(ServedRecording, ServesTheRestOfTheApiAndEndsClean) {
    EXPECT_EQ(served_.json("/api/v1/rules")["schema"], "nstrail.rules/1");
    EXPECT_EQ(served_.get("/api/v1/doctor")->status, 404);
    EXPECT_EQ(served_.get("/readyz")->body, "ready\n");
    const std::string metrics = served_.get("/metrics?at=+2s")->body;
    EXPECT_NE(metrics.find("nstrail_namespaces{type=\"pid\"} 2"), std::string::npos) << metrics;
    EXPECT_NE(served_.get("/metrics")->body.find("nstrail_namespaces{type=\"pid\"} 1"),
              std::string::npos);
    EXPECT_EQ(served_.get("/")->status, 200);
    EXPECT_EQ(served_.stop(), 0);
}

TEST(ServedLines, AreServedToo) {
    const Served served({"replay", lines, "--serve", "127.0.0.1:0"});
    const json about = served.json("/api/v1/about");
    EXPECT_EQ(about["mode"], "recording");
    EXPECT_TRUE(about["begin_boot_ns"].is_number());
    const std::uint64_t middle =
        (about["begin_boot_ns"].get<std::uint64_t>() + about["end_boot_ns"].get<std::uint64_t>()) /
        2;
    const std::string from = std::string(" --from ") + lines;
    EXPECT_EQ(served.json("/api/v1/tree?tasks=1&at=" + std::to_string(middle)),
              printed("$N tree --json --tasks --at " + std::to_string(middle) + from));
    EXPECT_EQ(served.json("/api/v1/tree?tasks=1"), printed("$N tree --json --tasks" + from));
}

TEST(ServedErrors, AreOneClearLine) {
    for (const auto& [command, status, words] :
         {std::tuple("$N replay - --serve </dev/null", 1, "it can be read only once"),
          {"$N replay /nowhere --serve", 1, "open /nowhere: No such file or directory"},
          {"$N replay /dev/null --serve", 1, "it can be read only once"},
          {"$N replay / --serve", 1, "it is not a recording"},
          {"$N replay / --serve --json", 2, "excludes"},
          {"$N replay / --serve nowhere", 2, "it is not ADDR:PORT"}}) {
        const Outcome outcome = run(command);
        EXPECT_EQ(outcome.status, status) << command << '\n' << outcome.err;
        EXPECT_NE(outcome.err.find(words), std::string::npos) << command << '\n' << outcome.err;
        expect_one_clear_line(outcome);
    }
}

}  // namespace
}  // namespace nstrail::test
