// SPDX-License-Identifier: Apache-2.0
#include "source/mountinfo.hpp"

#include <charconv>

namespace nstrail {

namespace {

/// The next word, taken off the front of the line.
std::string_view take_word(std::string_view& line) {
    const auto end = line.find(' ');
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    return word;
}

bool is_octal(std::string_view digits) {
    return digits.size() == 3 && digits[0] >= '0' && digits[0] <= '3' &&
           digits.find_first_not_of("01234567") == std::string_view::npos;
}

}  // namespace

std::optional<NsName> parse_ns_name(std::string_view text) {
    const auto bracket = text.find(":[");
    if (bracket == std::string_view::npos || !text.ends_with(']')) {
        return std::nullopt;
    }
    NsName name;
    for (int type = NST_ns_type_mnt; type <= NST_ns_type_user; type++) {
        if (type_name(static_cast<NsType>(type)) == text.substr(0, bracket)) {
            name.type = static_cast<NsType>(type);
        }
    }
    const std::string_view number = text.substr(bracket + 2, text.size() - bracket - 3);
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), name.inum);
    const bool whole = error == std::errc{} && end == number.data() + number.size();
    return name.type != NST_ns_type_none && whole ? std::optional(name) : std::nullopt;
}

std::string unescape_octal(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (text[0] == '\\' && is_octal(text.substr(1, 3))) {
            out += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text.remove_prefix(4);
        } else {
            out += text[0];
            text.remove_prefix(1);
        }
    }
    return out;
}

std::optional<NsMount> parse_ns_mount(std::string_view line) {
    take_word(line);  // mount id
    take_word(line);  // parent id
    take_word(line);  // major:minor
    // Most lines end here: the root of no other file system looks like this.
    const auto ns = parse_ns_name(take_word(line));
    if (!ns) {
        return std::nullopt;
    }
    NsMount mount{*ns, unescape_octal(take_word(line))};
    // Options, then any number of optional fields up to a dash, then the type.
    while (!line.empty() && take_word(line) != "-") {
    }
    if (take_word(line) != "nsfs") {
        return std::nullopt;
    }
    return mount;
}

}  // namespace nstrail
