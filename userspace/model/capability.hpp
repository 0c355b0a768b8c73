// SPDX-License-Identifier: Apache-2.0
// Whether a task is capable of something in a user namespace: the kernel's rule (cap_capable()).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace nstrail {

/// What decides about a task's capabilities. The uids, here and below, are those of one and the
/// same user namespace.
struct Credentials {
    std::uint32_t user_ns = 0;  ///< inum
    std::uint32_t euid = 0;
    std::uint64_t effective = 0;  ///< bit n: capability n, in user_ns
};

struct UserNsFacts {
    std::uint32_t parent = 0;  ///< inum; 0 = it is the initial one
    std::uint32_t owner_uid = 0;
};
/// By inum; nothing = not known.
using UserNsLookup = std::function<std::optional<UserNsFacts>(std::uint32_t)>;

/// The task has the capability over the user namespace `target`: in its own namespace by its
/// effective set; in one below it by that set too, or because it owns the child of its namespace
/// on the way; nowhere else. Security modules may deny more. Nothing = not known, because the
/// lookup did not know a namespace that matters.
[[nodiscard]] std::optional<bool> ns_capable(const Credentials& task, std::uint32_t target,
                                             int capability, const UserNsLookup& lookup);

/// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, as checkpoint_restore_ns_capable().
[[nodiscard]] std::optional<bool> checkpoint_restore_ns_capable(const Credentials& task,
                                                                std::uint32_t target,
                                                                const UserNsLookup& lookup);

}  // namespace nstrail
