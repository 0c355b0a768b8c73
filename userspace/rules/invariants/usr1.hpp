// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::usr1 {

inline Outcome changed(const nst_cred_user_ns& e, const Scene& scene, Report& report) {
    const auto within =
        e.before == 0 || e.after == 0 ? std::nullopt : is_within(scene.world, e.after, e.before);
    if (!within) {
        return Outcome::nothing;
    }
    if (!*within) {
        const InumLife* life = scene.ledger.inum(e.before);
        return report.broken({.task = e.task, .ns = e.after},
                             {life != nullptr ? life->allocated : not_told, in_model}, [&] {
                                 return fmt::format(
                                     "{} moved from {} to {}; a task should only move to a "
                                     "descendant of its user namespace",
                                     scene.name(e.task), ns_name(NST_ns_type_user, e.before),
                                     ns_name(NST_ns_type_user, e.after));
                             });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "USR1",
    .statement = "A task's user namespace changes only to a descendant.",
    .kernel = "create_user_ns, userns_install",
    .exceptions =
        "unshare changes the nsproxy before the credentials, setns after them: they are "
        "not compared with each other.",
    .hooks = {NST_HOOK_commit_creds, NST_HOOK_inum_alloc, NST_HOOK_inum_free},
    .readers = {reads<nst_cred_user_ns, changed>()},
};

}  // namespace nstrail::usr1
