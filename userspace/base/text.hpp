// SPDX-License-Identifier: Apache-2.0
// How times, durations and strings are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nstrail {

/// RFC 3339 in UTC with nanoseconds, from nanoseconds since the epoch.
[[nodiscard]] std::string rfc3339(std::uint64_t wall_ns);

/// Seconds with microseconds since boot, as dmesg writes them: "12.345678".
[[nodiscard]] std::string boot_seconds(std::uint64_t boot_ns);

/// "4.2s", "12m03s", "3d04h": two units at most.
[[nodiscard]] std::string duration(std::uint64_t ns);

/// A JSON string literal with its quotes. Bytes that are not UTF-8 (a comm may hold any) become
/// U+FFFD.
[[nodiscard]] std::string json_quote(std::string_view text);

/// For a terminal: control characters and bytes that are not UTF-8 become '?', so that a comm
/// cannot move the cursor.
[[nodiscard]] std::string printable(std::string_view text);

/// Fills a TEXT of an event, which is zero, cut off where longer.
template <std::size_t n>
void copy_text(char (&to)[n], std::string_view from) {
    from.copy(to, n - 1);
}

/// "EINVAL"; "errno 4711" for a code that has no name.
[[nodiscard]] std::string errno_name(int code);

}  // namespace nstrail
