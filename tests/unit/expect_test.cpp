// SPDX-License-Identifier: Apache-2.0
// support/expect: an expectation that could not fail would prove nothing.
#include "support/expect.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nstrail::test {
namespace {

using nlohmann::json;

std::size_t count(const char* expected, const char* actual) {
    return differences(json::parse(expected), json::parse(actual)).size();
}

TEST(Expect, NamedMembersMustBeEqual) {
    EXPECT_EQ(count(R"({"a":1})", R"({"a":1,"b":2})"), 0U);
    EXPECT_EQ(count(R"({"a":1,"b":{"c":null}})", R"({"a":1,"b":{"c":null,"d":3}})"), 0U);
    EXPECT_EQ(count(R"({"a":1})", R"({"a":2})"), 1U);
    EXPECT_EQ(count(R"({"a":1})", R"({"b":1})"), 1U);
    EXPECT_EQ(count(R"({"a":null})", R"({"a":0})"), 1U) << "unknown is not 0";
    EXPECT_EQ(count(R"({"a":{"b":1}})", R"({"a":7})"), 1U);
}

TEST(Expect, RowsAreFoundByWhatTheyHaveEachItsOwn) {
    const char* rows = R"([{"tid":1,"comm":"init"},{"tid":5,"comm":"sh"},{"tid":6,"comm":"sh"}])";
    EXPECT_EQ(count(R"([{"tid":5}])", rows), 0U);
    EXPECT_EQ(count(R"([{"comm":"sh"},{"comm":"sh"}])", rows), 0U);
    EXPECT_EQ(count(R"([{"comm":"sh"},{"comm":"sh"},{"comm":"sh"}])", rows), 1U);
    EXPECT_EQ(count(R"([{"tid":5,"comm":"init"}])", rows), 1U);
    EXPECT_EQ(count(R"({"only":[{"tid":1},{"tid":5},{"tid":6}]})", rows), 0U);
    EXPECT_EQ(count(R"({"only":[{"tid":1},{"tid":5}]})", rows), 1U);
    EXPECT_EQ(count(R"([{"tid":5}])", "7"), 1U);
}

TEST(Expect, OtherListsAreEqualAsAWhole) {
    EXPECT_EQ(count("[[1,2],[3,4]]", "[[1,2],[3,4]]"), 0U);
    EXPECT_EQ(count("[[1,2]]", "[[1,2],[3,4]]"), 1U);
    EXPECT_EQ(count("[]", "[7]"), 1U);
}

TEST(Expect, SaysWhere) {
    const auto found = differences(json::parse(R"({"account":{"lost":{"ring":3}}})"),
                                   json::parse(R"({"account":{"lost":{"ring":4}}})"));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_NE(found[0].find("account.lost.ring"), std::string::npos) << found[0];
}

}  // namespace
}  // namespace nstrail::test
