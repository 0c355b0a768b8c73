// SPDX-License-Identifier: Apache-2.0
// How many namespaces there may be.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "event/event.hpp"

namespace nstrail {

/// By type, user.max_*_namespaces: how many of them each user may have in the user namespace that
/// the reader is in (inc_ucount). Empty = the kernel has no such type, or does not tell.
[[nodiscard]] std::array<std::optional<std::uint64_t>, NST_ns_type_end> namespace_limits();

}  // namespace nstrail
