// SPDX-License-Identifier: Apache-2.0
#include "sink/columns.hpp"

#include <algorithm>
#include <cwchar>

namespace nstrail {

namespace {

struct Character {
    std::string_view bytes;  ///< of the text
    std::string_view shown;
    std::size_t width = 1;
};

/// The first of a text that is not empty.
Character first_of(std::string_view text) {
    std::mbstate_t state{};
    wchar_t wide = 0;
    const std::size_t length = std::mbrtowc(&wide, text.data(), text.size(), &state);
    if (length != 0 && length <= text.size()) {
        if (const int width = wcwidth(wide); width >= 0) {
            const std::string_view bytes = text.substr(0, length);
            return {.bytes = bytes, .shown = bytes, .width = static_cast<std::size_t>(width)};
        }
    }
    // One '?' for a character, however many bytes of UTF-8 it is.
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    std::size_t end = 1;
    while (end < text.size() && continues(text[end])) {
        end++;
    }
    return {.bytes = text.substr(0, end), .shown = "?", .width = 1};
}

struct Cut {
    std::string shown;
    std::size_t bytes = 0;  ///< of the text
    std::size_t width = 0;
};

Cut cut(std::string_view text, std::size_t width) {
    Cut made;
    while (made.bytes < text.size()) {
        const Character next = first_of(text.substr(made.bytes));
        if (made.width + next.width > width) {
            break;
        }
        made.shown += next.shown;
        made.bytes += next.bytes.size();
        made.width += next.width;
    }
    return made;
}

}  // namespace

std::size_t columns(std::string_view text) {
    return cut(text, std::string::npos).width;
}

std::string fit(std::string_view text, std::size_t width) {
    Cut made = cut(text, width);
    return std::move(made.shown) + std::string(width - made.width, ' ');
}

std::string fit_right(std::string_view text, std::size_t width) {
    const Cut made = cut(text, width);
    return std::string(width - made.width, ' ') + made.shown;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        Cut line = cut(text, std::max<std::size_t>(width, 2));  // no character is wider than 2
        if (line.bytes < text.size() && text[line.bytes] != ' ') {
            const std::size_t blank = text.substr(0, line.bytes).rfind(' ');
            if (blank != std::string_view::npos && blank != 0) {
                line = cut(text.substr(0, blank), std::string::npos);
            }
        }
        lines.push_back(std::move(line.shown));
        text.remove_prefix(line.bytes);
        if (text.starts_with(' ')) {
            text.remove_prefix(1);
        }
    }
    return lines;
}

}  // namespace nstrail
