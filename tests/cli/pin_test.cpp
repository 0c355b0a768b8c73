// SPDX-License-Identifier: Apache-2.0
// BPF programs that go on between one recorder and the next one.
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/outcome.hpp"
#include "support/temp_dir.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int some = 400;  // far fewer than there are pids

/// What no other test's children are called.
std::string name() {
    return fmt::format("pinned-{}", getpid());
}

/// Children of this thread, which has that name meanwhile.
std::vector<pid_t> fork_some(int count = some) {
    char before[16] = {};
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, name().c_str());
    std::vector<pid_t> children;
    for (int i = 0; i < count; i++) {
        const pid_t child = fork();
        if (child == 0) {
            _exit(0);
        }
        waitpid(child, nullptr, 0);
        children.push_back(child);
    }
    prctl(PR_SET_NAME, before);
    return children;
}

class Pinned : public testing::Test {
protected:
    void SetUp() override {
        if (!live_possible() || mount("bpf", files_.path().c_str(), "bpf", 0, nullptr) != 0) {
            GTEST_SKIP() << "nothing can be traced here, or no BPF file system mounted";
        }
        mounted_ = true;
    }
    void TearDown() override {
        if (mounted_) {
            fs::remove_all(pins_);
            umount2(files_.path().c_str(), MNT_DETACH);
        }
    }

    Outcome record(const std::string& options = {}) const {
        return run(fmt::format("$N record {} --pin {} --for 1s {}", recording_, pins_, options));
    }
    std::vector<json> told(const std::string& expression) const {
        const Outcome replayed =
            run(fmt::format("$N replay {} --json --filter '{}'", recording_, expression));
        std::vector<json> events;
        std::istringstream lines(replayed.out);
        for (std::string line; std::getline(lines, line);) {
            events.push_back(json::parse(line));
        }
        return events;
    }
    std::multiset<pid_t> births() const {
        std::multiset<pid_t> all;
        for (const json& event : told(fmt::format("kind == task_new and comm == \"{}\"", name()))) {
            if (event["kind"] == "task_new") {
                all.insert(event["task"]["tid"].get<pid_t>());
            }
        }
        return all;
    }
    std::vector<json> sessions() const { return told("kind == session"); }
    std::uint64_t lost() const {
        std::uint64_t sum = 0;
        for (const json& event : told("kind == gap")) {
            sum += event["kind"] == "gap" ? event["lost"].get<std::uint64_t>() : 0;
        }
        return sum;
    }

    TempDir files_;
    TempDir dir_;
    std::string pins_ = files_.path() + "/nstrail";
    std::string recording_ = dir_.path() + "/recording";
    bool mounted_ = false;
};

TEST_F(Pinned, TheNextOneGoesOnWithNothingLostOrToldTwice) {
    const Outcome first = record();
    ASSERT_EQ(first.status, 0) << first.err;
    EXPECT_NE(first.err.find("BPF programs loaded, and pinned in"), std::string::npos) << first.err;
    std::multiset<pid_t> children;
    const auto fork_now = [&] {
        const auto more = fork_some();
        children.insert(more.begin(), more.end());
    };
    fork_now();
    // One ends and another begins while there are always births.
    std::jthread storm([&] {
        for (int i = 0; i < 4; i++) {
            fork_now();
        }
    });
    const Outcome second = record();
    storm.join();
    const Outcome third = record();
    ASSERT_EQ(second.status, 0) << second.err;
    ASSERT_EQ(third.status, 0) << third.err;
    EXPECT_NE(second.err.find("goes on with the session before"), std::string::npos) << second.err;
    EXPECT_EQ(births(), children);
    EXPECT_EQ(lost(), 0U);
    const auto all = sessions();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_TRUE(all[0]["continues"].is_null());
    EXPECT_EQ(all[1]["continues"], all[0]["id"]);
    EXPECT_EQ(all[2]["continues"], all[1]["id"]);
    const Outcome checked = run("$N check " + recording_);
    EXPECT_NE(checked.out.find(" 0 violations"), std::string::npos) << checked.out << checked.err;
}

TEST_F(Pinned, WhatARingHadNoRoomForIsTold) {
    ASSERT_EQ(record("--ring-size 64K").status, 0);
    fork_some();
    const Outcome second = record("--ring-size 64K");
    ASSERT_EQ(second.status, 0) << second.err;
    const auto there = births().size();
    EXPECT_LT(there, std::size_t{some});
    // Of each there are a birth, an exit and an end; of the last one perhaps only its birth.
    EXPECT_GE(lost() + (3 * there), std::size_t{(3 * some) - 2});
}

TEST_F(Pinned, AfterOneThatWasKilledAnotherSessionBeginsWithWhatWaited) {
    const Outcome killed =
        run(fmt::format("$N record {} --pin {} & sleep 2; kill -9 $!; wait $!", recording_, pins_));
    ASSERT_EQ(killed.status, 137) << killed.err;
    const auto children = fork_some();
    const Outcome next = record();
    ASSERT_EQ(next.status, 0) << next.err;
    EXPECT_NE(next.err.find("another session begins"), std::string::npos) << next.err;
    const auto all = sessions();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_TRUE(all[1]["continues"].is_null());
    EXPECT_EQ(births(), std::multiset<pid_t>(children.begin(), children.end()));
    EXPECT_EQ(lost(), 0U);
}

TEST_F(Pinned, OfAnotherRingNothingIsTakenOver) {
    ASSERT_EQ(record().status, 0);
    const Outcome other = record("--ring-size 1M");
    ASSERT_EQ(other.status, 0) << other.err;
    EXPECT_NE(other.err.find("BPF programs loaded, and pinned in"), std::string::npos) << other.err;
    EXPECT_TRUE(sessions().back()["continues"].is_null());
    EXPECT_NE(record("--ring-size 1M").err.find("goes on with the session before"),
              std::string::npos);
}

TEST_F(Pinned, OneFolderIsForOneAtATime) {
    std::jthread first([this] { record(); });
    ASSERT_EQ(run(fmt::format("until [ -e {}/handover ]; do sleep 0.05; done", pins_)).status, 0);
    const Outcome second = run(fmt::format("$N record {}-2 --pin {} --for 1s", recording_, pins_));
    EXPECT_EQ(second.status, 4) << second.err;
    EXPECT_NE(second.err.find("another agent has it"), std::string::npos) << second.err;
    expect_one_clear_line(second);
}

TEST_F(Pinned, AnotherFileSystemIsRefused) {
    const Outcome refused =
        run(fmt::format("$N record {} --pin {}/x --for 1s", recording_, dir_.path()));
    EXPECT_EQ(refused.status, 4) << refused.err;
    EXPECT_NE(refused.err.find("it is not on a BPF file system"), std::string::npos) << refused.err;
    expect_one_clear_line(refused);
}

}  // namespace
}  // namespace nstrail::test
