// SPDX-License-Identifier: Apache-2.0
// What follows the question mark of a request.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sink/web_source.hpp"

namespace nstrail {

/// A parameter that nobody knows, or that is given twice, is refused: whoever wrote "att=" must not
/// believe the answer to be of that time.
class Query {
public:
    /// Of a request's target, not decoded: of "filter=comm=sh" the first sign ends the name.
    [[nodiscard]] static Answer<Query> parse(std::string_view target,
                                             std::span<const std::string_view> known);

    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    /// A whole number up to `most`.
    [[nodiscard]] Answer<std::optional<std::uint64_t>> number(std::string_view name,
                                                              std::uint64_t most) const;
    /// Given, and not 0.
    [[nodiscard]] bool flag(std::string_view name) const;

private:
    std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace nstrail
