// SPDX-License-Identifier: Apache-2.0
// The two written forms of an event, and the way back from the first.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "event/event.hpp"

namespace nstrail {

/// Appends one JSON object without a newline: {"kind":…,"at_boot_ns":…,"cpu":…,"seq":…, fields}.
/// Unknown is null, never 0. Nothing is lost: parse_event() gives the same event back, but for
/// bytes of a name that are not UTF-8: they are written as U+FFFD and come back as FF.
void append_json(fmt::memory_buffer& out, const Event& event);
[[nodiscard]] std::string to_json(const Event& event);

/// Appends one line for people, without a newline: time, task, what happened.
void append_text(fmt::memory_buffer& out, const Event& event);
[[nodiscard]] std::string to_text(const Event& event);

/// Reads what append_json wrote, now or before an event had all its fields: one that is missing is
/// unknown. Fails with the field that is wrong or that no such event has.
[[nodiscard]] Result<EventBuffer> parse_event(std::string_view json_text);

/// docs/EVENTS.md, from the declarations.
[[nodiscard]] std::string events_markdown();

}  // namespace nstrail
