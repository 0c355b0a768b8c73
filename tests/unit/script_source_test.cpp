// SPDX-License-Identifier: Apache-2.0
// source/script: JSON lines in, the events they say out; a bad line is named.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "event/format.hpp"
#include "source/script.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

std::string mark(int round) {
    return R"({"kind":"mark","at_boot_ns":1,"cpu":0,"seq":0,"what":"snapshot_begin","round":)" +
           std::to_string(round) + "}\n";
}

struct Read {
    std::vector<std::uint32_t> rounds;
    std::string error;
};

Read read_all(Source& source) {
    Read read;
    while (!source.ended()) {
        const auto polled = source.poll(
            [&](const Event& event) { read.rounds.push_back(event.as<nst_mark>().round); });
        if (!polled) {
            read.error = polled.error().line();
            break;
        }
    }
    return read;
}

Read read_text(const std::string& text) {
    ScriptSource source(text);
    return read_all(source);
}

TEST(ScriptSource, DeliversEveryLineInOrder) {
    const Read read = read_text(mark(1) + "\n  \r\n" + mark(2) + mark(3));
    EXPECT_EQ(read.rounds, (std::vector<std::uint32_t>{1, 2, 3}));
    EXPECT_EQ(read.error, "");
}

TEST(ScriptSource, AnEmptyScriptEnds) {
    ScriptSource source("");
    const auto polled = source.poll([](const Event&) { FAIL(); });
    ASSERT_TRUE(polled);
    EXPECT_EQ(*polled, 0U);
    EXPECT_TRUE(source.ended());
}

TEST(ScriptSource, TheLastLineNeedsNoEnd) {
    std::string text = mark(1) + mark(2);
    text.pop_back();
    EXPECT_EQ(read_text(text).rounds.size(), 2U);
}

TEST(ScriptSource, DeliversABoundedNumberAtATime) {
    std::string text;
    for (int i = 0; i < 10'000; i++) {
        text += mark(i);
    }
    ScriptSource source(text);
    const auto first = source.poll([](const Event&) {});
    ASSERT_TRUE(first);
    EXPECT_GT(*first, 0U);
    EXPECT_LT(*first, 10'000U);
    EXPECT_FALSE(source.ended());
    EXPECT_EQ(read_all(source).rounds.size(), 10'000U - *first);
}

TEST(ScriptSource, NamesTheLineThatIsNoEvent) {
    const Read read = read_text(mark(1) + "\n" + "{\"kind\":\"mark\"}\n" + mark(2));
    EXPECT_EQ(read.rounds, std::vector<std::uint32_t>{1}) << "what stood before the line, only";
    EXPECT_NE(read.error.find("line 3"), std::string::npos) << read.error;
    EXPECT_EQ(read.error.find('\n'), std::string::npos) << "one line";
}

TEST(ScriptSource, SaysThatTheLastLineWasCut) {
    const std::string text = mark(1) + mark(2);
    const Read read = read_text(text.substr(0, text.size() - 20));
    EXPECT_NE(read.error.find("line 2"), std::string::npos) << read.error;
    EXPECT_NE(read.error.find("interrupted"), std::string::npos) << read.error;
}

TEST(ScriptSource, IsOverAfterABadLine) {
    ScriptSource source("nonsense\n" + mark(1));
    EXPECT_FALSE(source.poll([](const Event&) {}));
    EXPECT_TRUE(source.ended());
    const auto polled = source.poll([](const Event&) { FAIL(); });
    ASSERT_TRUE(polled);
    EXPECT_EQ(*polled, 0U);
}

TEST(ScriptSource, ReadsFiles) {
    std::string path = testing::TempDir() + "nstrail-script-XXXXXX";
    const int number = mkstemp(path.data());
    ASSERT_GE(number, 0);
    close(number);
    std::ofstream(path) << mark(4) << "x\n";
    auto source = ScriptSource::open(path);
    ASSERT_TRUE(source);
    const Read read = read_all(**source);
    EXPECT_EQ(read.rounds, std::vector<std::uint32_t>{4});
    EXPECT_NE(read.error.find(path + ", line 2"), std::string::npos) << read.error;
    std::filesystem::remove(path);
}

TEST(ScriptSource, SaysWhyAFileCannotBeRead) {
    const auto missing = ScriptSource::open(testing::TempDir() + "nstrail-no-such-file");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().line().find("No such file"), std::string::npos);
    auto directory = ScriptSource::open(testing::TempDir());
    if (directory) {
        EXPECT_NE(read_all(**directory).error.find("directory"), std::string::npos);
    }
}

TEST(ScriptSource, AStreamWrittenAndReadAgainIsTheSame) {
    Script s;
    s.fork({.tid = 100, .flags = CLONE_NEWPID | CLONE_NEWUTS});
    s.fork({.tid = 101, .parent = 100});
    s.zombie(101);
    s.snapshot(2);
    std::string text;
    for (const EventBuffer& event : s.events()) {
        text += to_json(*event.event()) + "\n";
    }
    ScriptSource source(text);
    std::size_t at = 0;
    const auto polled = source.poll([&](const Event& event) {
        EXPECT_EQ(to_json(event), to_json(*s.events().at(at++).event()));
    });
    ASSERT_TRUE(polled) << polled.error().line();
    EXPECT_EQ(at, s.events().size());
}

}  // namespace
}  // namespace nstrail::test
