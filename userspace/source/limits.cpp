// SPDX-License-Identifier: Apache-2.0
#include "source/limits.hpp"

#include <fstream>

#include <fmt/format.h>

namespace nstrail {

std::array<std::optional<std::uint64_t>, NST_ns_type_end> namespace_limits() {
    std::array<std::optional<std::uint64_t>, NST_ns_type_end> limits;
    for (std::uint32_t type = NST_ns_type_mnt; type < NST_ns_type_end; type++) {
        std::ifstream file(
            fmt::format("/proc/sys/user/max_{}_namespaces", type_name(static_cast<NsType>(type))));
        if (std::uint64_t most = 0; file >> most) {
            limits[type] = most;
        }
    }
    return limits;
}

}  // namespace nstrail
