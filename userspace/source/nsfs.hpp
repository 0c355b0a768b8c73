// SPDX-License-Identifier: Apache-2.0
// What the ioctls of an nsfs file tell about its namespace (ioctl_ns(2)).
#pragma once

#include <functional>

#include "event/event.hpp"

namespace nstrail {

/// Whether a descriptor stands for a namespace; also one opened with O_PATH.
[[nodiscard]] bool is_nsfs(int fd);
/// Its inode number, 0 if it has none.
[[nodiscard]] std::uint32_t inum_of(int fd);

/// Makes a namespace event for the namespace of an nsfs file, its parents and its owners, up to
/// those for which known(inum) is true. What the ioctls do not tell is 0, and so is the key.
[[nodiscard]] std::vector<nst_namespace> facts_of(int fd, std::uint32_t round,
                                                  const std::function<bool(std::uint32_t)>& known);

}  // namespace nstrail
