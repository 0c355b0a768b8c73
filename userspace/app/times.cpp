// SPDX-License-Identifier: Apache-2.0
#include "app/times.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include <fmt/format.h>

#include "app/options.hpp"

namespace nstrail {

namespace {

/// CLOCK_REALTIME in nanoseconds; nothing if it is no RFC 3339 time, or of no day that there is.
std::optional<std::uint64_t> parse_calendar(const std::string& text) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    int used = 0;
    if (std::sscanf(text.c_str(), "%4d-%2u-%2u%*1[Tt ]%2u:%2u:%2u%n", &year, &month, &day, &hour,
                    &minute, &second, &used) != 6) {
        return std::nullopt;
    }
    std::string_view rest = std::string_view(text).substr(static_cast<std::size_t>(used));
    std::uint64_t fraction = 0;
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        std::uint64_t digit = 100'000'000;
        if (rest.empty() || rest[0] < '0' || rest[0] > '9') {
            return std::nullopt;
        }
        while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
            fraction += digit * static_cast<std::uint64_t>(rest[0] - '0');
            digit /= 10;
            rest.remove_prefix(1);
        }
    }
    std::int64_t zone = 0;
    if (rest != "Z" && rest != "z") {
        unsigned hours = 0;
        unsigned minutes = 0;
        char sign = 0;
        if (rest.size() != 6 ||
            std::sscanf(std::string(rest).c_str(), "%1c%2u:%2u", &sign, &hours, &minutes) != 3 ||
            (sign != '+' && sign != '-') || hours > 23 || minutes > 59) {
            return std::nullopt;
        }
        zone =
            (sign == '-' ? -1 : 1) * ((std::int64_t{hours} * 3600) + (std::int64_t{minutes} * 60));
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60 || year < 1970) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t seconds =
        (days * 86400) + (std::int64_t{hour} * 3600) + (std::int64_t{minute} * 60) + second - zone;
    return seconds < 0
               ? std::nullopt
               : std::optional((static_cast<std::uint64_t>(seconds) * 1'000'000'000) + fraction);
}

}  // namespace

Result<std::uint64_t> parse_time(const std::string& text, const RecordingClock& clock) {
    const auto fault = [&](const char* why) {
        return fail(fmt::format("understand the time '{}'", text), why,
                    "e.g. 2026-03-01T10:15:00Z, +10s from the start, or boottime in nanoseconds");
    };
    if (text.starts_with('+')) {
        const auto after = parse_duration(text.substr(1));
        if (!after) {
            return fault("what follows + is no duration");
        }
        return clock.first_ns + static_cast<std::uint64_t>(after->count());
    }
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) {
        return number;
    }
    const auto wall = parse_calendar(text);
    if (!wall) {
        return fault("it is none");
    }
    if (*wall < clock.wall_offset_ns) {
        return fault("that was before the host was started");
    }
    return *wall - clock.wall_offset_ns;
}

Result<std::uint64_t> parse_moment(const std::string& text, const RecordingClock& clock) {
    auto at = parse_time(text, clock);
    if (at && *at < clock.first_ns) {
        return fail(fmt::format("tell what was at {}", text),
                    fmt::format("the recording begins {:.3f} s later",
                                static_cast<double>(clock.first_ns - *at) / 1e9));
    }
    return at;
}

void RangeChoice::add_to(CLI::App& command) {
    command.add_option("--begin", begin,
                       "show what happened from then on: a time of day as RFC 3339 has it, +10s "
                       "from the start, or boottime in nanoseconds");
    command.add_option("--end", end, "and until then");
}

Result<RangeChoice::Range> RangeChoice::resolve(const RecordingClock& clock) const {
    Range range;
    for (const auto& [text, time] : {std::pair(&begin, &range.begin_ns), {&end, &range.end_ns}}) {
        if (text->empty()) {
            continue;
        }
        const auto parsed = parse_time(*text, clock);
        if (!parsed) {
            return std::unexpected(parsed.error());
        }
        *time = *parsed;
    }
    return range;
}

}  // namespace nstrail
