// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid2 {

/// The chain of namespaces, outermost first, as far as the model knows their lineage.
template <class E>
Outcome chain(std::span<const E> vector, std::uint32_t active, const About& about,
              const Scene& scene, Report& report) {
    if (vector.empty() || vector.size() > NST_MAX_LEVELS) {
        return report.broken(about, {}, [&] {
            return fmt::format("a pid vector has {} levels; it should have 1 to {}", vector.size(),
                               NST_MAX_LEVELS);
        });
    }
    if (vector.back().pid_namespace != active) {
        return report.broken(about, {}, [&] {
            return fmt::format("a pid vector ends in {}; it should end in the active {}",
                               ns_name(NST_ns_type_pid, vector.back().pid_namespace),
                               ns_name(NST_ns_type_pid, active));
        });
    }
    const bool certain = scene.world.certain();
    for (std::size_t level = 0; level < vector.size(); level++) {
        const E& one = vector[level];
        if (static_cast<std::int32_t>(one.nr) < 1) {
            return report.broken(about, {}, [&] {
                return fmt::format("{} was given; numbers should be at least 1",
                                   number_name(one.pid_namespace, one.nr));
            });
        }
        const NsRecord* ns = certain ? scene.world.find_namespace(one.pid_namespace) : nullptr;
        if (ns == nullptr || !ns->facts || ns->type != NST_ns_type_pid) {
            continue;  // new: it is told after its first number
        }
        const std::uint32_t parent = level == 0 ? 0 : vector[level - 1].pid_namespace;
        if (ns->level != level || ns->parent != parent) {
            const InumLife* life = scene.ledger.inum(one.pid_namespace);
            return report.broken(
                about, {life != nullptr ? life->allocated : not_told, in_model}, [&] {
                    return fmt::format(
                        "a pid vector has {} at level {}; it is at level {}, below {}",
                        ns_name(NST_ns_type_pid, one.pid_namespace), level, ns->level,
                        ns->parent == 0 ? "none" : ns_name(NST_ns_type_pid, ns->parent));
                });
        }
    }
    return Outcome::holds;
}

inline Outcome given(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    return e.error != 0 ? Outcome::nothing
                        : chain(scene.event.tail<nst_alloc_pid, nst_pid_request>(), e.pid_namespace,
                                {.task = e.actor, .ns = e.pid_namespace}, scene, report);
}

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    return chain(scene.event.tail<nst_task_new, nst_pid_nr>(), e.ns.pid,
                 {.task = e.task, .ns = e.ns.pid}, scene, report);
}

inline constexpr Rule rule = {
    .id = "PID2",
    .statement =
        "A pid vector's namespaces are the chain of ancestors of the active one, its "
        "numbers at least 1, its level at most 32.",
    .kernel = "alloc_pid: the loop over ns->level; create_pid_namespace: MAX_PID_NS_LEVEL",
    .exceptions = "",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_inum_alloc, NST_HOOK_inum_free},
    .readers = {reads<nst_alloc_pid, given>(), reads<nst_task_new, born>()},
};

}  // namespace nstrail::pid2
