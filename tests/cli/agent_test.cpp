// SPDX-License-Identifier: Apache-2.0
// The agent's API from outside.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/outcome.hpp"
#include "cli/served.hpp"
#include "record/recordings.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

/// The card of this process, once `enough` says so.
template <class F>
json own_card(const Served& served, F&& enough) {
    json card;
    for (int tries = 0; tries < 300; tries++) {
        const auto answer = served.get("/api/v1/task/" + std::to_string(getpid()));
        card = answer ? json::parse(answer->body) : json();
        if (answer && answer->status == 200 && enough(card)) {
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return card;
}

TEST(ServedAgent, TellsStoriesFromWhatItRecords) {
    if (!live_possible()) {
        GTEST_SKIP() << "nothing can be traced here";
    }
    const TempDir dir;
    const Served served({"agent", "--listen", "127.0.0.1:0", "--record", dir.path()});
    const json card = own_card(
        served, [](const json& one) { return one["story"].is_array() && !one["story"].empty(); });
    EXPECT_EQ(card["schema"], "nstrail.task/1");
    EXPECT_EQ(card["task"]["tid"], getpid());
    ASSERT_FALSE(card["story"].empty()) << card;
    EXPECT_EQ(card["story"][0]["task"]["tid"], getpid());
    EXPECT_EQ(served.json("/api/v1/about")["mode"], "live");
}

TEST(ServedAgent, TellsNoStoryWhereNothingIsRecorded) {
    if (!live_possible()) {
        GTEST_SKIP() << "nothing can be traced here";
    }
    const Served served({"agent", "--listen", "127.0.0.1:0"});
    const json card = own_card(served, [](const json& one) { return one.contains("story"); });
    EXPECT_TRUE(card.at("story").is_null()) << card;
    EXPECT_EQ(served.get("/api/v1/tree?at=%2B1s")->status, 400);
}

TEST(ServedAgent, CountsEachProgramByItsWholeName) {
    if (!live_possible()) {
        GTEST_SKIP() << "nothing can be traced here";
    }
    // Here the kernel's own names, cut to 15 characters, are the same.
    const Served served({"agent", "--listen", "127.0.0.1:0", "--hooks", "tracepoint"});
    const std::string metrics = served.get("/metrics")->body;
    for (const char* name :
         {"sched_process_exec_tp", "sched_process_exit_tp", "sched_process_free_tp"}) {
        EXPECT_NE(metrics.find(fmt::format("program_runs_total{{program=\"{}\"}} ", name)),
                  std::string::npos)
            << name;
    }
}

TEST(ServedToken, IsDemandedOfThoseWhoReadARecordingToo) {
    const TempDir dir;
    const std::string file = dir.path() + "/token";
    std::ofstream(file) << "correct-horse\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    const Served served({"replay", format_1, "--serve", "127.0.0.1:0", "--token-file", file});
    EXPECT_EQ(served.get("/api/v1/tree")->status, 401);
    httplib::Client bearer("127.0.0.1", served.port());
    bearer.set_bearer_token_auth("correct-horse");
    EXPECT_EQ(bearer.Get("/api/v1/tree")->status, 200);
    httplib::Client basic("127.0.0.1", served.port());
    basic.set_basic_auth("anybody", "correct-horse");
    EXPECT_EQ(basic.Get("/api/v1/tree")->status, 200);
}

}  // namespace
}  // namespace nstrail::test
