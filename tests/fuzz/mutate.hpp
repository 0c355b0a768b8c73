// SPDX-License-Identifier: Apache-2.0
// Changes streams of events so that they stay streams of events: bytes changed anywhere seldom are.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "event/event.hpp"

namespace nstrail::fuzz {

using Chance = std::minstd_rand;

/// One change: an event less, one more, one moved, or another value in one. New values are as a
/// rule some that the stream has elsewhere, so that events are about the same tasks and namespaces.
void mutate_records(std::vector<EventBuffer>& records, Chance& chance);

}  // namespace nstrail::fuzz
