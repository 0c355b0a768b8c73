// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::pid4 {

inline Outcome given(const nst_alloc_pid& e, const Scene& scene, Report& report) {
    const TaskLife* actor = scene.ledger.task(e.actor.key);
    if (e.error != 0 || actor == nullptr) {
        return Outcome::nothing;
    }
    if (actor->allocated != not_told) {
        return report.broken({.task = e.actor, .ns = e.pid_namespace}, {actor->allocated}, [&] {
            return fmt::format(
                "{} allocated a struct pid, and another while the first had led to neither "
                "a birth nor a free; each should lead to one of them",
                scene.name(e.actor));
        });
    }
    return Outcome::holds;
}

inline Outcome born(const nst_task_new& e, const Scene& scene, Report& report) {
    const TaskLife* actor = scene.ledger.task(e.actor.key);
    if (actor == nullptr) {
        return Outcome::nothing;
    }
    const About about{.task = e.task, .ns = e.ns.pid};
    if (actor->allocated == not_told) {
        // Its fork may have been under way when the trace began, unless it has done other things
        // since.
        const Place since = actor->acted != not_told ? actor->acted : actor->born;
        return since == not_told ? Outcome::nothing : report.broken(about, {since}, [&] {
            return fmt::format(
                "{} gave birth to tid {} without having allocated "
                "a struct pid for it since its last step; it should "
                "have",
                scene.name(e.actor), e.task.tid);
        });
    }
    if (actor->child_pid != e.pid_key) {
        return report.broken(about, {actor->allocated}, [&] {
            return fmt::format(
                "tid {} was born with another struct pid than {} had "
                "allocated for it; it should have that one",
                e.task.tid, scene.name(e.actor));
        });
    }
    const PidLife* pid = scene.ledger.pid(e.pid_key);
    if (pid != nullptr && pid->vector != hash_of(scene.event.tail<nst_task_new, nst_pid_nr>())) {
        return report.broken(about, {pid->allocated}, [&] {
            return fmt::format(
                "tid {} was born with other numbers than {} had been "
                "given for it; it should have those",
                e.task.tid, scene.name(e.actor));
        });
    }
    return Outcome::holds;
}

inline Outcome freed(const nst_free_pid& e, const Scene& scene, Report& report) {
    const PidLife* pid = scene.ledger.pid(e.pid_key);
    if (pid == nullptr || pid->attached != not_told || pid->freed > pid->allocated) {
        return Outcome::nothing;
    }
    if (pid->allocator_tid != e.actor_tid) {
        return report.broken({.task = {}, .ns = pid->innermost}, {pid->allocated}, [&] {
            return fmt::format(
                "{}, which had led to no birth, was freed by {}; only tid {}, whose fork "
                "allocated it, should do that",
                number_name(pid->innermost, pid->nr), scene.name(e.actor_tid), pid->allocator_tid);
        });
    }
    return Outcome::holds;
}

inline Outcome exited(const nst_task_exit& e, const Scene& scene, Report& report) {
    const TaskLife* task = scene.ledger.task(e.task.key);
    if (task == nullptr || task->allocated == not_told) {
        return Outcome::nothing;
    }
    return report.broken({.task = e.task, .ns = 0}, {task->allocated}, [&] {
        return fmt::format(
            "{} exits while the struct pid that it allocated has led to "
            "neither a birth nor a free; it should have led to one of them",
            scene.name(e.task));
    });
}

inline constexpr Rule rule = {
    .id = "PID4",
    .statement =
        "Each successful allocation of a struct pid leads to exactly one birth, with the "
        "numbers given, or one free, by the same task before its next allocation.",
    .kernel = "copy_process: alloc_pid, then trace_task_newtask, or bad_fork_free_pid",
    .exceptions =
        "A fork under way when the trace began gives a birth without an allocation, once "
        "per task.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_free_pid, NST_HOOK_task_newtask},
    .readers = {reads<nst_alloc_pid, given>(), reads<nst_task_new, born>(),
                reads<nst_free_pid, freed>(), reads<nst_task_exit, exited>()},
};

}  // namespace nstrail::pid4
