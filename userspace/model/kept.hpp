// SPDX-License-Identifier: Apache-2.0
// The bits of ns_kept.known and task_kept.known, as events.def tells them.
#pragma once

#include <cstdint>

#include "model/ns_table.hpp"
#include "wire/wire.h"

namespace nstrail {

inline constexpr std::uint32_t kept_born = 1;
inline constexpr std::uint32_t kept_certain = 2;
inline constexpr std::uint32_t kept_dying = 4;
inline constexpr std::uint32_t kept_last_pid = 8;
inline constexpr std::uint32_t kept_pids_used = 16;
inline constexpr std::uint32_t kept_facts = 32;

inline constexpr std::uint32_t kept_parent = 1;
inline constexpr std::uint32_t kept_live = 2;

/// All but its header.
[[nodiscard]] nst_ns_kept kept_of(const NsRecord& ns);

}  // namespace nstrail
