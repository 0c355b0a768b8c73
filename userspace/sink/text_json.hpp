// SPDX-License-Identifier: Apache-2.0
// Text in JSON documents.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace nstrail {

/// Text that may hold any bytes, as json_quote() writes it; null if there is none.
[[nodiscard]] inline nlohmann::ordered_json text_json(std::string_view text) {
    return text.empty() ? nlohmann::ordered_json()
                        : nlohmann::ordered_json::parse(json_quote(text));
}

}  // namespace nstrail
