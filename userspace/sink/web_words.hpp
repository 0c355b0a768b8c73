// SPDX-License-Identifier: Apache-2.0
// Words of HTTP that several parts of the web server read or write.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace nstrail {

/// What is answered instead of what was asked for: a document of one line.
[[nodiscard]] inline std::string error_json(std::string_view line) {
    return "{\"error\":" + json_quote(line) + "}\n";
}

/// Whether `text` begins with `word` and then `end`; upper and lower case are the same.
[[nodiscard]] inline bool begins_with(std::string_view text, std::string_view word, char end) {
    const auto lower = [](unsigned char c) { return std::tolower(c); };
    return text.size() > word.size() && text[word.size()] == end &&
           std::ranges::equal(text.substr(0, word.size()), word, {}, lower, lower);
}

}  // namespace nstrail
