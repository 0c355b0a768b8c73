// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::ns1 {

inline Outcome allocated(const nst_inum_alloc& e, const Scene& scene, Report& report) {
    const InumLife* life = scene.ledger.inum(e.inum);
    if (life != nullptr && life->live()) {
        return report.broken({.task = {}, .ns = e.inum}, {life->allocated}, [&] {
            return fmt::format(
                "inode number {} was given out while it was in use; it "
                "should have been freed first",
                e.inum);
        });
    }
    return Outcome::holds;
}

inline Outcome freed(const nst_inum_free& e, const Scene& scene, Report& report) {
    // The other end of the pair may come after the number was given out again.
    if (e.point != NST_hook_point_entry) {
        return Outcome::nothing;
    }
    const InumLife* life = scene.ledger.inum(e.inum);
    if (life == nullptr) {
        return Outcome::nothing;  // from before the trace
    }
    if (!life->live()) {
        return report.broken({.task = {}, .ns = e.inum}, {life->freed}, [&] {
            return fmt::format(
                "inode number {} was freed twice; it should be given out "
                "in between",
                e.inum);
        });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "NS1",
    .statement = "Birth and death alternate for each inode number of a namespace.",
    .kernel = "proc_alloc_inum, proc_free_inum: ida_alloc and ida_free under the ida's lock",
    .exceptions = "procfs takes numbers of the same allocator for entries of its own.",
    .hooks = {NST_HOOK_inum_alloc, NST_HOOK_inum_free},
    .readers = {reads<nst_inum_alloc, allocated>(), reads<nst_inum_free, freed>()},
};

}  // namespace nstrail::ns1
