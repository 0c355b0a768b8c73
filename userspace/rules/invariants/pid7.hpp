// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "model/capability.hpp"
#include "rules/rule.hpp"

namespace nstrail::pid7 {

// kernel.pid_max can be set to no less (RESERVED_PIDS + 1), so a smaller number is never too large.
inline constexpr std::uint32_t pid_max_min = 301;

/// One number asked for, as far as what the kernel looks at is known.
struct Asked {
    bool in_range = false;      ///< surely
    bool out_of_range = false;  ///< surely
    bool reaper = false;        ///< there surely is one, or none is needed
    std::optional<bool> capable;
};

inline Asked look(const nst_alloc_pid& e, const nst_pid_request& one, const World& world) {
    Asked asked;
    asked.in_range = one.asked >= 1 && one.asked < pid_max_min;
    asked.out_of_range = one.asked < 1 || one.asked > 0x7FFFFFFF;
    // After a gap the model may know another namespace of that number.
    const NsRecord* ns = world.certain() ? world.find_namespace(one.pid_namespace) : nullptr;
    asked.reaper = one.asked == 1 || (ns != nullptr && (ns->init_tgid != 0 || ns->level == 0));
    if (ns != nullptr && ns->facts && e.actor_user != 0) {
        asked.capable = checkpoint_restore_ns_capable(
            {.user_ns = e.actor_user, .euid = e.actor_euid, .effective = e.actor_capabilities},
            ns->owner, [&](std::uint32_t inum) -> std::optional<UserNsFacts> {
                const NsRecord* user = world.find_namespace(inum);
                if (user == nullptr || !user->facts) {
                    return std::nullopt;
                }
                return UserNsFacts{.parent = user->parent, .owner_uid = user->creator_uid};
            });
    }
    return asked;
}

inline Outcome answered(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    if (e.set_tid_size == 0) {
        return Outcome::nothing;
    }
    const About about{.task = e.actor, .ns = e.pid_namespace};
    const auto vector = scene.event.tail<nst_alloc_pid, nst_pid_request>();
    const bool too_many = e.set_tid_size > vector.size();
    if (too_many) {
        return e.error == -EINVAL ? Outcome::holds : report.broken(about, {}, [&] {
            return fmt::format(
                "clone3 asked for {} numbers at level {} and "
                "was answered {}; it should be EINVAL",
                e.set_tid_size, vector.size() - 1, e.error);
        });
    }
    bool may_be_invalid = false;
    bool may_lack_capability = false;
    for (const nst_pid_request& one : vector.last(e.set_tid_size)) {
        const Asked asked = look(e, one, scene.world);
        may_be_invalid = may_be_invalid || !asked.in_range || !asked.reaper;
        may_lack_capability = may_lack_capability || asked.capable != true;
        if (e.error == 0 && (asked.out_of_range || asked.capable == false)) {
            return report.broken(about, {asked.out_of_range ? not_told : in_model}, [&] {
                return fmt::format("clone3 was given {}; it should have been refused, as {}",
                                   number_name(one.pid_namespace, one.nr),
                                   asked.out_of_range
                                       ? "that is no number"
                                       : "the task lacks CAP_CHECKPOINT_RESTORE there");
            });
        }
    }
    if (e.error == -EINVAL && !may_be_invalid) {
        return report.broken(about, {in_model}, [&] {
            return "clone3 was refused with EINVAL; all numbers asked for are in range, "
                   "and every namespace has a reaper";
        });
    }
    if (e.error == -EPERM && !may_lack_capability) {
        return report.broken(about, {in_model}, [&] {
            return "clone3 was refused with EPERM; the task may choose numbers in all "
                   "namespaces that it asked for";
        });
    }
    return e.error == 0 || e.error == -EINVAL || e.error == -EPERM ? Outcome::holds
                                                                   : Outcome::nothing;
}

inline constexpr Rule rule = {
    .id = "PID7",
    .statement =
        "set_tid is refused with EINVAL or EPERM for the documented reasons and only "
        "then, and is not granted where there is one.",
    .kernel = "alloc_pid; checkpoint_restore_ns_capable",
    .exceptions =
        "EEXIST may have no holder that is visible. Which of several reasons is named is "
        "not judged, as kernels differ, nor numbers from 301 on, as kernel.pid_max may "
        "have changed.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_inum_alloc, NST_HOOK_inum_free},
    .readers = {reads<nst_alloc_pid, answered>()},
};

}  // namespace nstrail::pid7
