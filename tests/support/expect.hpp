// SPDX-License-Identifier: Apache-2.0
// Expectations that hold what matters and no more.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nstrail::test {

/// What of `expected` is not so in `actual`, one sentence each; empty = all is. Objects: each
/// member that is named. Lists of objects: each to a row of its own that has all it names, in any
/// order;
/// {"only": [...]} in place of a list says that there are no other rows. Anything else: equal.
[[nodiscard]] std::vector<std::string> differences(const nlohmann::json& expected,
                                                   const nlohmann::json& actual,
                                                   const std::string& where = "");

}  // namespace nstrail::test
