// SPDX-License-Identifier: Apache-2.0
// Tests of the rules: what holds, and what breaks them.
//
// A Breach is a scene that ends in a contradiction to one rule. Each is played in several ways
// (breach.cpp): as it is, with losses at several places, and without the hooks that the rule needs.
#pragma once

#include <functional>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "rules/finding.hpp"
#include "unit/script.hpp"

namespace nstrail::test {

struct Breach {
    std::string name;  ///< of the test: letters and digits
    std::string_view rule;
    std::function<void(Script&)> before;  ///< as it should be
    std::function<void(Script&)> broken;  ///< what comes then is not
    /// Of the events that prove it, in stream order; the last is what broke the rule.
    std::vector<Kind> evidence;
    /// What the model knows belongs to the proof, though no one event does.
    bool by_model = false;

    /// The one event is proof enough.
    [[nodiscard]] bool alone() const { return evidence.size() == 1 && !by_model; }
    friend void PrintTo(const Breach& breach, std::ostream* out) {
        *out << breach.rule << ' ' << breach.name;
    }
};

class EachBreach : public testing::TestWithParam<Breach> {};

[[nodiscard]] std::string name_of_breach(const testing::TestParamInfo<Breach>& info);

/// Instantiates the tests of breach.cpp; one for each family of rules.
#define NST_BREACHES(family, breaches) \
    INSTANTIATE_TEST_SUITE_P(family, EachBreach, testing::ValuesIn(breaches), name_of_breach)

[[nodiscard]] const RuleCount& count_of(const Checker& checker, std::string_view rule);
[[nodiscard]] std::vector<Finding> found(const Checker& checker, std::string_view rule);
[[nodiscard]] std::vector<Kind> kinds_of(const Finding& finding);

/// No rule found anything, and these were each held against something.
[[nodiscard]] testing::AssertionResult holds(Script& script,
                                             std::initializer_list<std::string_view> rules);

/// For spoil().
inline constexpr std::uint64_t other_nsproxy = 0xBAD0;

}  // namespace nstrail::test
