// SPDX-License-Identifier: Apache-2.0
// A stream of JSON lines, as events in memory.
#pragma once

#include <string>
#include <vector>

#include "event/event.hpp"

namespace nstrail::test {

/// Empty if the file cannot be read to its end.
[[nodiscard]] std::vector<EventBuffer> read_stream(const std::string& path);

}  // namespace nstrail::test
