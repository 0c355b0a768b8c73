// SPDX-License-Identifier: Apache-2.0
#include "base/percent.hpp"

#include <charconv>
#include <system_error>

namespace nstrail {

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); at++) {
        if (text[at] != '%') {
            plain += text[at];
            continue;
        }
        unsigned byte = 0;
        const std::string_view digits = text.substr(at + 1, 2);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (error != std::errc{} || digits.size() != 2 || end != digits.data() + 2 || byte == 0) {
            return std::nullopt;
        }
        plain += static_cast<char>(byte);
        at += 2;
    }
    return plain;
}

}  // namespace nstrail
