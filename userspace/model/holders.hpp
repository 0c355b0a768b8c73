// SPDX-License-Identifier: Apache-2.0
// What besides tasks holds namespaces.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/event.hpp"

namespace nstrail {

/// Something besides the nsproxy and the credentials of tasks that keeps a namespace.
struct Holder {
    nst_holder_what what = NST_holder_what_file;
    NsType type = NST_ns_type_none;
    std::uint32_t inum = 0;  ///< 0 for a place that could not be looked at
    nst_task_ref task{};     ///< who has it open; of a mount all 0
    std::uint32_t fd = 0;
    std::uint32_t mnt = 0;  ///< of a mount: the mount namespace that it is in
    std::string path;       ///< of a mount: where; of an unreadable place: what and why
};

/// One round of looking for holders.
struct Holders {
    std::uint64_t at_boot_ns = 0;  ///< when it ended; 0 = there was none
    bool complete = false;         ///< nothing was lost during the round
    std::vector<Holder> all;
};

}  // namespace nstrail
