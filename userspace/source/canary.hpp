// SPDX-License-Identifier: Apache-2.0
// Proof that hooks fire: does, in children of our own, what each hook exists to see.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace nstrail {

/// argv[0] of the canary's exec; main() of every program that opens a live source returns at once
/// when it sees it.
inline constexpr std::string_view canary_name = "nstrail-canary";

/// Forks, unshares, execs from a thread, exits. Returns the hooks (bits by nst_hook) that all this
/// should have made fire. Takes some milliseconds; leaves nothing behind.
[[nodiscard]] Result<std::uint64_t> run_canary();

}  // namespace nstrail
