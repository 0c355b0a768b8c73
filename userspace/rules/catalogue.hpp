// SPDX-License-Identifier: Apache-2.0
// The invariants of namespaces and tasks: what each says, which function of the kernel makes it
// true, and which hooks it takes to see whether it holds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "event/event.hpp"

namespace nstrail {

struct RuleInfo {
    std::string_view id;
    std::string_view statement;   ///< one sentence
    std::string_view kernel;      ///< what makes it true
    std::vector<nst_hook> hooks;  ///< all of these are needed to check it
};

[[nodiscard]] std::span<const RuleInfo> rule_catalogue();

/// With these hooks attached (bits by nst_hook), the rule cannot be checked.
[[nodiscard]] bool uncheckable(const RuleInfo& rule, std::uint64_t hooks);

}  // namespace nstrail
