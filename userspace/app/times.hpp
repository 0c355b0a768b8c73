// SPDX-License-Identifier: Apache-2.0
// Moments of a recording, as people name them.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

#include "base/result.hpp"

namespace nstrail {

struct RecordingClock {
    std::uint64_t first_ns = 0;        ///< boottime of its first event
    std::uint64_t wall_offset_ns = 0;  ///< CLOCK_REALTIME minus CLOCK_BOOTTIME
};

/// boottime in nanoseconds of "2026-03-01T10:15:00.5Z" (RFC 3339), "+10s" (from the start of the
/// recording) or a bare number (boottime in nanoseconds).
[[nodiscard]] Result<std::uint64_t> parse_time(const std::string& text,
                                               const RecordingClock& clock);

/// The same of a moment to look at: one ahead of the recording is refused.
[[nodiscard]] Result<std::uint64_t> parse_moment(const std::string& text,
                                                 const RecordingClock& clock);

/// The options of every command that shows a part of a recording.
struct RangeChoice {
    std::string begin;
    std::string end;

    void add_to(CLI::App& command);
    [[nodiscard]] bool given() const { return !begin.empty() || !end.empty(); }
    struct Range {
        std::uint64_t begin_ns = 0;
        std::uint64_t end_ns = UINT64_MAX;
    };
    [[nodiscard]] Result<Range> resolve(const RecordingClock& clock) const;
};

}  // namespace nstrail
