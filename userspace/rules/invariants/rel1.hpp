// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::rel1 {

inline Outcome released(const nst_task_release& e, const Scene& scene, Report& report) {
    if (e.via == NST_release_via_resync) {
        return Outcome::nothing;
    }
    const About about{.task = e.task, .ns = 0};
    if (const Released* before = scene.ledger.released(e.task); before != nullptr) {
        // The hook in release_task's loop tells the first round again if another task was released
        // on that CPU in between.
        return e.via == NST_release_via_loop
                   ? Outcome::nothing
                   : report.broken(about, {before->at}, [&] {
                         return fmt::format(
                             "tid {} was released twice; a task should be "
                             "released once",
                             e.task.tid);
                     });
    }
    const PidLife* pid = scene.ledger.pid(e.pid_key);
    if (pid != nullptr && pid->allocated > pid->freed && pid->attached == not_told) {
        return report.broken(about, {pid->allocated}, [&] {
            return fmt::format(
                "tid {} was released, but its struct pid had never led to "
                "a birth; a task should be born before it is released",
                e.task.tid);
        });
    }
    return scene.ledger.task(e.task.key) != nullptr ? Outcome::holds : Outcome::nothing;
}

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    const TaskLife* life = scene.ledger.task(e.task.key);
    if (life == nullptr) {
        return Outcome::nothing;
    }
    const Place since = life->born != not_told ? life->born : life->acted;
    if (since == not_told) {
        return Outcome::nothing;  // no more is known than that it allocated, or gave up its tid
    }
    return report.broken({.task = e.task, .ns = e.ns.pid}, {since}, [&] {
        return fmt::format(
            "tid {} was born as a task that is alive; that should have "
            "been released first",
            e.task.tid);
    });
}

inline Outcome freed(const nst_task_free& e, const Scene& scene, Report& report) {
    const TaskLife* life = scene.ledger.task(e.task.key);
    if (life == nullptr || life->born == not_told) {
        return Outcome::nothing;
    }
    return report.broken({.task = e.task, .ns = 0}, {life->born}, [&] {
        return fmt::format(
            "{} was freed without having been released; it should have "
            "been released first",
            scene.name(e.task));
    });
}

inline constexpr Rule rule = {
    .id = "REL1",
    .statement = "Every task is released once between its birth and the end of its memory.",
    .kernel = "release_task under tasklist_lock; delayed_put_task_struct",
    .exceptions =
        "A zombie leader is released by release_task's repeat loop, which enters no "
        "function again and may be told twice.",
    .hooks = {NST_HOOK_task_newtask, NST_HOOK_release_task, NST_HOOK_cgroup_release,
              NST_HOOK_sched_process_free},
    .readers = {reads<nst_task_release, released>(), reads<nst_task_new, born>(),
                reads<nst_task_free, freed>()},
};

}  // namespace nstrail::rel1
