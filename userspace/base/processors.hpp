// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <sched.h>

namespace nstrail {

/// How many the calling thread may run on (sched_getaffinity(2)), which may be fewer than there
/// are; at least 1, also where the kernel does not say.
[[nodiscard]] inline unsigned processors() {
    cpu_set_t mine;
    const bool said = sched_getaffinity(0, sizeof(mine), &mine) == 0;
    return said ? static_cast<unsigned>(std::max(1, CPU_COUNT(&mine))) : 1;
}

}  // namespace nstrail
