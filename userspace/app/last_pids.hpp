// SPDX-License-Identifier: Apache-2.0
// Writes the last pids of nested pid namespaces (kernel.ns_last_pid), so that the next process gets
// the numbers that follow.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/ns_file.hpp"
#include "base/result.hpp"

namespace nstrail {

/// `chain`: a pid namespace and its ancestors, innermost first, the last the caller's own; each has
/// an init that lives, since otherwise a helper would become it. `values`: for the first of them.
///
/// The sysctl acts on the namespace of who writes it, so a process of our own enters each. All of
/// them are started before the first writes, because each takes a number in its namespace and in
/// all above; then they write, innermost first, and then read back. Anyone else who forks in
/// between wins: the result is what each namespace says afterwards, in the order of `chain`.
///
/// Must be called by a process with one thread. Fails, with the namespace named, at the first that
/// cannot be entered, written or read; those further in may then have been written.
[[nodiscard]] Result<std::vector<std::uint32_t>> set_last_pids(
    std::span<const NsFile> chain, std::span<const std::uint32_t> values);

}  // namespace nstrail
