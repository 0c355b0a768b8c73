// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::nsp7 {

inline constexpr std::uint64_t no_references = 0xFFFFFFFF;

inline Outcome switched(const nst_ns_switch& e, const Scene& scene, Report& report) {
    if (e.after.nsproxy == 0) {
        return Outcome::nothing;
    }
    const About about{.task = e.task, .ns = 0};
    if (e.references == no_references) {
        return report.broken(about, {}, [&] {
            return fmt::format(
                "{} got an nsproxy without a reference; whoever "
                "gives one should hold it",
                scene.name(e.task));
        });
    }
    const NsproxyLife* life = scene.ledger.nsproxy(e.after.nsproxy);
    if (life == nullptr) {
        return Outcome::holds;  // brand-new
    }
    if (life->set != hash_of(e.after)) {
        return report.broken(about, {life->since}, [&] {
            return fmt::format(
                "{} got an nsproxy that others hold, with other "
                "namespaces than they have; it should be the same",
                scene.name(e.task));
        });
    }
    if (e.references != 0 && e.references <= life->holders) {
        return report.broken(about, {life->since}, [&] {
            return fmt::format(
                "{} got an nsproxy that {} tasks hold and that has {} "
                "references; each should have one, and the new holder too",
                scene.name(e.task), life->holders, e.references);
        });
    }
    return Outcome::holds;
}

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    const NsproxyLife* life = scene.ledger.nsproxy(e.ns.nsproxy);
    if (life == nullptr) {
        return Outcome::nothing;
    }
    if (life->set != hash_of(e.ns)) {
        return report.broken({.task = e.task, .ns = 0}, {life->since}, [&] {
            return fmt::format(
                "tid {} was born with an nsproxy that others hold, with "
                "other namespaces than they have; it should be the same",
                e.task.tid);
        });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "NSP7",
    .statement =
        "A new nsproxy is init's, brand-new, or one that a living task holds, and its "
        "references count them all.",
    .kernel = "create_new_namespaces; copy_namespaces: get_nsproxy",
    .exceptions = "",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_switch_namespaces, NST_HOOK_exit_namespaces},
    .readers = {reads<nst_ns_switch, switched>(), reads<nst_task_new, born>()},
};

}  // namespace nstrail::nsp7
