// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986, section 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nstrail {

/// The text that is encoded so. Nothing where a % is not followed by two hexadecimal digits, or
/// what they say is a 0 byte, which no name has.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace nstrail
