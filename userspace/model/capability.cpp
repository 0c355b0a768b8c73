// SPDX-License-Identifier: Apache-2.0
#include "model/capability.hpp"

#include <linux/capability.h>

namespace nstrail {

namespace {

/// create_user_ns() allows 33 levels below the initial one: a lookup that leads further is wrong.
constexpr int most_levels = 34;

}  // namespace

std::optional<bool> ns_capable(const Credentials& task, std::uint32_t target, int capability,
                               const UserNsLookup& lookup) {
    const bool raised = (task.effective >> capability & 1) != 0;
    for (int i = 0; i < most_levels; i++) {
        if (target == task.user_ns) {
            return raised;
        }
        const auto facts = lookup(target);
        if (!facts) {
            return std::nullopt;
        }
        if (facts->parent == 0) {
            return false;
        }
        // The creator of a user namespace has all capabilities in it, seen from its parent.
        if (facts->parent == task.user_ns && facts->owner_uid == task.euid) {
            return true;
        }
        target = facts->parent;
    }
    return std::nullopt;
}

std::optional<bool> checkpoint_restore_ns_capable(const Credentials& task, std::uint32_t target,
                                                  const UserNsLookup& lookup) {
    const auto restore = ns_capable(task, target, CAP_CHECKPOINT_RESTORE, lookup);
    if (restore == true) {
        return true;
    }
    const auto admin = ns_capable(task, target, CAP_SYS_ADMIN, lookup);
    return admin == true || !restore ? admin : restore;
}

}  // namespace nstrail
