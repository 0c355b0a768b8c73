// SPDX-License-Identifier: Apache-2.0
// Recorded streams: fixtures/NAME.jsonl through the World gives what fixtures/NAME.expect.json
// says.
//
// An expectation holds what matters and no more: every member it names must be as in the summary
// (support/summary.hpp), members it does not name may be anything. A list of objects ("tasks",
// "namespaces") is matched by content, each to one row of its own; {"only": [...]} says that there
// are no others. The command that prints the summary of a stream, to take an expectation from:
//   replay_tests --gtest_filter='*NAME*' with NSTRAIL_PRINT_SUMMARY=1 in the environment
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/world.hpp"
#include "source/script.hpp"
#include "support/expect.hpp"
#include "support/summary.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<fs::path> fixtures() {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(FIXTURES)) {
        if (entry.path().extension() == ".jsonl") {
            found.push_back(entry.path());
        }
    }
    std::ranges::sort(found);
    return found;
}

Result<json> replay(const fs::path& stream) {
    auto source = ScriptSource::open(stream.string());
    if (!source) {
        return std::unexpected(source.error());
    }
    World world;
    while (!(*source)->ended()) {
        auto polled = (*source)->poll([&](const Event& event) { world.apply(event); });
        if (!polled) {
            return std::unexpected(polled.error());
        }
    }
    return summarize(world.view());
}

class Replay : public testing::TestWithParam<fs::path> {};

TEST_P(Replay, LeadsToWhatIsExpected) {
    const auto summary = replay(GetParam());
    ASSERT_TRUE(summary) << summary.error().line();
    if (std::getenv("NSTRAIL_PRINT_SUMMARY") != nullptr) {
        std::cout << summary->dump(1) << '\n';
    }
    fs::path expectation = GetParam();
    expectation.replace_extension(".expect.json");
    std::ifstream file(expectation);
    ASSERT_TRUE(file) << expectation << " is missing: every stream needs one";
    const json expected = json::parse(file, nullptr, false);
    ASSERT_FALSE(expected.is_discarded()) << expectation << " is not JSON";
    for (const std::string& difference : differences(expected, *summary)) {
        ADD_FAILURE() << difference;
    }
}

TEST_P(Replay, GivesTheSameEveryTime) {
    const auto once = replay(GetParam());
    const auto again = replay(GetParam());
    ASSERT_TRUE(once && again);
    EXPECT_EQ(once->dump(), again->dump());
}

std::string name_of(const testing::TestParamInfo<fs::path>& info) {
    std::string name = info.param.stem().string();
    std::ranges::replace_if(
        name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Replay);
INSTANTIATE_TEST_SUITE_P(Fixtures, Replay, testing::ValuesIn(fixtures()), name_of);

}  // namespace
}  // namespace nstrail::test
