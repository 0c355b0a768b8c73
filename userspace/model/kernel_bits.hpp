// SPDX-License-Identifier: Apache-2.0
// Bits of the kernel's that events carry as they are.
#pragma once

#include <cstdint>

namespace nstrail {

// EXIT_DEAD, of task->exit_state: whoever calls release_task() set it ahead of that.
inline constexpr std::uint32_t exit_dead = 0x10;
inline constexpr std::uint32_t exit_zombie = 0x20;      // EXIT_ZOMBIE, of task->exit_state
inline constexpr std::uint32_t pf_exiting = 0x4;        // PF_EXITING, of task->flags
inline constexpr std::uint32_t pf_kthread = 0x200000;   // PF_KTHREAD, of task->flags
inline constexpr std::uint32_t pids_adding = 1U << 31;  // PIDNS_ADDING, of pid_allocated

}  // namespace nstrail
