// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::ns3 {

inline Outcome freed(const nst_inum_free& e, const Scene& scene, Report& report) {
    const InumLife* life = scene.ledger.inum(e.inum);
    if (e.point != NST_hook_point_entry || life == nullptr || !life->live()) {
        return Outcome::nothing;
    }
    if (life->children != 0) {
        const NsRecord* ns = scene.world.find_namespace(e.inum);
        return report.broken({.task = {}, .ns = e.inum}, {life->allocated, life->child_told}, [&] {
            return fmt::format("{} died before {} of its children; they should die first",
                               ns_name(ns != nullptr ? ns->type : NST_ns_type_none, e.inum),
                               life->children);
        });
    }
    return life->child_told != not_told ? Outcome::holds : Outcome::nothing;
}

inline constexpr Rule rule = {
    .id = "NS3",
    .statement = "A pid or user namespace dies after all of its children.",
    .kernel = "put_pid_ns, __put_user_ns: the loop up the parents",
    .exceptions =
        "An owner may die before what it owns, where that is a uts, ipc, cgroup or time "
        "namespace.",
    .hooks = {NST_HOOK_inum_alloc, NST_HOOK_inum_free},
    .readers = {reads<nst_inum_free, freed>()},
};

}  // namespace nstrail::ns3
