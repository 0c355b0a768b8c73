// SPDX-License-Identifier: Apache-2.0
// Requests for chosen pids, as they were made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/event.hpp"

namespace nstrail {

/// A clone3(set_tid) and what came of it.
struct PidRequest {
    std::uint64_t at_boot_ns = 0;
    nst_task_ref actor{};
    std::string comm;                 ///< the actor's
    std::uint32_t pid_namespace = 0;  ///< allocated in
    std::int32_t error = 0;           ///< 0 or a negative errno
    std::uint32_t set_tid_size = 0;
    std::uint64_t capabilities = 0;  ///< the actor's, effective in its user namespace
    std::uint32_t user = 0;          ///< that user namespace
    std::uint32_t euid = 0;
    std::vector<nst_pid_request> levels;  ///< outermost first
};

}  // namespace nstrail
