// SPDX-License-Identifier: Apache-2.0
// Events that the agent makes itself: no CPU wrote them and they have no number in a sequence.
#pragma once

#include <functional>

#include <time.h>

#include "base/text.hpp"
#include "event/event.hpp"

namespace nstrail {

using TellMade = std::function<void(const EventBuffer&)>;

[[nodiscard]] inline std::uint64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

/// Tells an event without a tail, with its kind and the time.
template <class T>
void tell_made(const TellMade& tell, T fixed) {
    fixed.header.kind = kind_of<T>;
    fixed.header.boot_ns = clock_ns(CLOCK_BOOTTIME);
    tell(EventBuffer::make(fixed));
}

}  // namespace nstrail
