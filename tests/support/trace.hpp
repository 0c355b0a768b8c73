// SPDX-License-Identifier: Apache-2.0
// A document of the trace-event format, held against the rules of the format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nstrail::test {

struct Trace {
    nlohmann::json document;

    [[nodiscard]] const nlohmann::json& other() const { return document["otherData"]; }
    /// Slices (X) or instants (i) of a category.
    [[nodiscard]] std::vector<nlohmann::json> of(char phase, const std::string& category) const;
    /// What its row, and the process that the row is in, are called: the last name given counts.
    [[nodiscard]] std::string row(const nlohmann::json& event) const;
    [[nodiscard]] std::string process(const nlohmann::json& event) const;
    /// Slices on the same row that lie within that one.
    [[nodiscard]] std::vector<nlohmann::json> within(const nlohmann::json& slice) const;
    /// The only slice of that category on the row of that name.
    [[nodiscard]] nlohmann::json only(const std::string& category, const std::string& row) const;
};

/// Microseconds with three decimals, as nanoseconds.
[[nodiscard]] std::int64_t ns_of(const nlohmann::json& microseconds);

/// Reads it, and fails the test for whatever a viewer would not take, or take for something else.
[[nodiscard]] Trace checked_trace(const std::string& text);

}  // namespace nstrail::test
