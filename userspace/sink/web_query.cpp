// SPDX-License-Identifier: Apache-2.0
#include "sink/web_query.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace nstrail {

namespace {

/// %XX, and + where it stands for a space; what is no escape stays as it is.
std::string decoded(std::string_view text, bool plus_is_space) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at++) {
        unsigned char byte = 0;
        const char* digits = text.data() + at + 1;
        if (text[at] == '%' && at + 2 < text.size() &&
            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            out += static_cast<char>(byte);
            at += 2;
        } else {
            out += text[at] == '+' && plus_is_space ? ' ' : text[at];
        }
    }
    return out;
}

}  // namespace

Answer<Query> Query::parse(std::string_view target, std::span<const std::string_view> known) {
    Query found;
    const auto question = target.find('?');
    std::string_view rest = question == std::string_view::npos ? "" : target.substr(question + 1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const std::string_view one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::string_view name = one.substr(0, one.find('='));
        if (std::ranges::find(known, name) == known.end()) {
            return refuse(
                400,
                fmt::format("understand the request: \"{}\" is no parameter; {}",
                            printable(one.substr(0, 40)),
                            known.empty() ? std::string("there is none here")
                                          : fmt::format("here {} {}=; write & in a value as %26",
                                                        known.size() == 1 ? "is" : "are",
                                                        fmt::join(known, "=, "))));
        }
        if (found.text(name)) {
            return refuse(
                400,
                fmt::format("understand the request: {}= is given twice; write it once", name));
        }
        // No time has a space in it, and +10s is one that people write.
        const bool plus_is_space = name == "filter";
        found.values_.emplace_back(name, name.size() == one.size()
                                             ? std::string()
                                             : decoded(one.substr(name.size() + 1), plus_is_space));
    }
    return found;
}

std::optional<std::string> Query::text(std::string_view name) const {
    const auto at = std::ranges::find(values_, name, [](const auto& one) { return one.first; });
    return at == values_.end() ? std::nullopt : std::optional(at->second);
}

Answer<std::optional<std::uint64_t>> Query::number(std::string_view name,
                                                   std::uint64_t most) const {
    const auto given = text(name);
    if (!given) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), value);
    if (error != std::errc{} || end != given->data() + given->size() || value > most) {
        return refuse(400, fmt::format("understand {}={}: it is no number from 0 to {}", name,
                                       printable(given->substr(0, 40)), most));
    }
    return value;
}

bool Query::flag(std::string_view name) const {
    return text(name).value_or("0") != "0";
}

}  // namespace nstrail
