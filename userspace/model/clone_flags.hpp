// SPDX-License-Identifier: Apache-2.0
// Which flag of clone makes which reference of the child new.
#pragma once

#include <cstdint>
#include <utility>

#include <linux/sched.h>

#include "model/task.hpp"

namespace nstrail {

/// CLONE_NEWTIME gives the child both time slots (timens_on_fork), but with CLONE_VM only that for
/// its children.
[[nodiscard]] constexpr std::uint64_t clone_flag(Slot slot) {
    switch (slot) {
        case Slot::mnt:
            return CLONE_NEWNS;
        case Slot::uts:
            return CLONE_NEWUTS;
        case Slot::ipc:
            return CLONE_NEWIPC;
        case Slot::net:
            return CLONE_NEWNET;
        case Slot::cgroup:
            return CLONE_NEWCGROUP;
        case Slot::time:
        case Slot::time_for_children:
            return CLONE_NEWTIME;
        case Slot::pid_for_children:
        case Slot::pid:
            return CLONE_NEWPID;
        case Slot::user:
            return CLONE_NEWUSER;
    }
    std::unreachable();
}

}  // namespace nstrail
