// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::rel6 {

inline Outcome released(const nst_task_release& e, const Scene& scene, Report& report) {
    if (e.via == NST_release_via_resync || e.task.tid != e.task.tgid) {
        return Outcome::nothing;
    }
    const PidLife* pid = scene.ledger.pid(e.pid_key);
    const InumLife* ns = pid != nullptr && pid->nr == 1 && pid->allocated > pid->freed
                             ? scene.ledger.inum(pid->innermost)
                             : nullptr;
    if (ns == nullptr || !ns->live()) {
        return Outcome::nothing;
    }
    if (ns->numbers > 1) {
        return report.broken(
            {.task = e.task, .ns = pid->innermost}, {ns->allocated, pid->allocated}, [&] {
                return fmt::format(
                    "{}, the init of {}, was released while {} more numbers "
                    "were in use there; all others should be freed first",
                    scene.name(e.task), ns_name(NST_ns_type_pid, pid->innermost), ns->numbers - 1);
            });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "REL6",
    .statement =
        "Of a pid namespace the thread group of its init is released last, when all other "
        "numbers in it are freed.",
    .kernel = "zap_pid_ns_processes waits until only its own are allocated",
    .exceptions =
        "The thread that waits need not be number 1: only the release of the leader "
        "counts.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_free_pid, NST_HOOK_release_task, NST_HOOK_cgroup_release,
              NST_HOOK_inum_alloc},
    .readers = {reads<nst_task_release, released>()},
};

}  // namespace nstrail::rel6
