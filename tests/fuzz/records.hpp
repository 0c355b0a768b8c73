// SPDX-License-Identifier: Apache-2.0
// Inputs that are events as they lie on the wire, one behind another.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "event/event.hpp"

namespace nstrail::fuzz {

/// Those that can be decoded; what cannot is passed over, 8 bytes at a time.
[[nodiscard]] std::vector<EventBuffer> records_in(std::span<const std::byte> bytes);

/// What must hold of any event: its written forms are whole, and JSON comes back as the same event.
void check_forms(const Event& event);

}  // namespace nstrail::fuzz
