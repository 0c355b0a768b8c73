// SPDX-License-Identifier: Apache-2.0
// A pid namespace and its ancestors, as requests for chosen pids meet them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/ns_file.hpp"
#include "base/result.hpp"
#include "model/pid_request.hpp"
#include "model/view.hpp"

namespace nstrail {

/// The levels of the pid namespace with that inum, innermost first, the initial one last.
/// `numbers`: look also at which numbers are in use, which costs a file of /proc per process. Fails
/// if there is no such namespace.
[[nodiscard]] Result<std::vector<PidLevel>> read_levels(const View& view, std::uint32_t inum,
                                                        bool numbers);

/// An open file of that namespace, by way of a task that is in it. Fails if there is none.
[[nodiscard]] Result<NsFile> open_by_inum(const View& view, std::uint32_t inum);

/// The levels that a child of this process would get numbers in, innermost first, from /proc alone:
/// what cannot be seen is left unknown, above all which numbers are free. `complete`: the last is
/// the initial pid namespace.
struct OwnLevels {
    std::vector<PidLevel> levels;
    bool complete = false;
};
[[nodiscard]] OwnLevels read_own_levels();

}  // namespace nstrail
