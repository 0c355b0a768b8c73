// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::exe {

inline Outcome executed(const nst_task_exec& e, const Scene& scene, Report& report) {
    if (e.old_tid == e.task.tid) {
        return Outcome::nothing;
    }
    const TaskLife* life = scene.ledger.task(e.task.key);
    if (life == nullptr ||
        (life->born == not_told && life->acted == not_told && life->exchanged == not_told)) {
        return Outcome::nothing;
    }
    if (life->exchanged == not_told) {
        return report.broken({.task = e.task, .ns = 0},
                             {life->born != not_told ? life->born : life->acted}, [&] {
                                 return fmt::format(
                                     "{} executed a program as tid {}, having been tid {}, "
                                     "without an exchange with its leader; there should be one",
                                     scene.name(e.task), e.task.tid, e.old_tid);
                             });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "EXE",
    .statement = "An exec that changes the task's tid was preceded by an exchange of tids.",
    .kernel = "de_thread: exchange_tids",
    .exceptions = "",
    .hooks = {NST_HOOK_sched_process_exec, NST_HOOK_exchange_tids},
    .readers = {reads<nst_task_exec, executed>()},
};

}  // namespace nstrail::exe
