// SPDX-License-Identifier: Apache-2.0
// What the rules found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.hpp"
#include "rules/rule.hpp"

namespace nstrail {

enum class Verdict : std::uint8_t {
    violation,  ///< the kernel broke the rule: all events about it are here
    unknown,    ///< it was broken, or events that would explain it were lost
};
[[nodiscard]] std::string_view verdict_name(Verdict verdict);

/// An event that a finding rests on.
struct Evidence {
    Place place = not_told;
    EventBuffer event{0};  ///< empty: it came too long ago to be kept
};

struct Finding {
    std::string_view rule;
    Verdict verdict = Verdict::unknown;
    std::string why_unknown;  ///< one clause; empty with a violation
    std::uint64_t at_boot_ns = 0;
    nst_task_ref task{};  ///< all 0 = it is about no task
    std::string comm;
    NsType ns_type = NST_ns_type_none;
    std::uint32_t ns_inum = 0;  ///< 0 = it is about no namespace
    std::uint32_t ns_gen = 0;
    std::string because;             ///< one sentence, without a full stop
    std::vector<Evidence> evidence;  ///< in stream order; the last is what broke the rule
    std::uint64_t count = 1;         ///< findings of this rule and verdict about the same, folded
    std::uint64_t last_boot_ns = 0;
};

struct RuleCount {
    std::string_view id;
    std::uint64_t checked = 0;  ///< events that were held against it
    std::uint64_t violations = 0;
    std::uint64_t unknown = 0;
    bool uncheckable = true;
};

/// All that was found so far.
struct Findings {
    std::vector<RuleCount> rules;   ///< one each, in the order of all_rules()
    std::vector<Finding> findings;  ///< in the order in which they became known, folded
    std::uint64_t left_out = 0;     ///< counted in rules, but too many to be kept

    [[nodiscard]] std::uint64_t violations() const;
    [[nodiscard]] std::uint64_t unknown() const;
};

}  // namespace nstrail
