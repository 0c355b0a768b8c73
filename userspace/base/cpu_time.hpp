// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <ctime>

namespace nstrail {

/// What the calling thread has spent on a CPU so far: what it waits, is stopped or has to leave to
/// others is no part of it (CLOCK_THREAD_CPUTIME_ID).
[[nodiscard]] inline std::chrono::nanoseconds thread_cpu_time() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace nstrail
