// SPDX-License-Identifier: Apache-2.0
// What /proc tells about the numbers of pid namespaces, and about this process.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/capability.hpp"

namespace nstrail {

/// Who uses a number of a pid namespace, in words, by number.
using NumberUsers = std::map<std::uint32_t, std::string>;

/// The numbers in use in each of `chain`, pid namespaces by inum, each the parent of the one before
/// it and the last the caller's own. Numbers of tasks, and those that are still needed as the id of
/// a process group or session after their task is gone. Complete only as far as /proc may be read;
/// costs a file per process.
[[nodiscard]] std::vector<NumberUsers> numbers_in_use(std::span<const std::uint32_t> chain);

/// pid_max of the pid namespace that this process is in.
[[nodiscard]] std::optional<std::uint32_t> own_pid_max();
/// One pid_max for all, as before 6.14; nothing = not known.
[[nodiscard]] std::optional<bool> pid_max_is_global();

/// This process's credentials; uids as its own user namespace has them.
[[nodiscard]] std::optional<Credentials> own_credentials();

}  // namespace nstrail
