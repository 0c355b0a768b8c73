// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "rules/rule.hpp"

namespace nstrail::rel3 {

inline Outcome released(const nst_task_release& e, const Scene& scene, Report& report) {
    if (e.via == NST_release_via_resync) {
        return Outcome::nothing;
    }
    const About about{.task = e.task, .ns = 0};
    if (e.pid_key == 0) {
        return report.broken(about, {}, [&] {
            return fmt::format(
                "{} was released without a struct pid; it should "
                "have it until then",
                scene.name(e.task));
        });
    }
    const PidLife* pid = scene.ledger.pid(e.pid_key);
    if (pid != nullptr && pid->freed > pid->allocated) {
        return report.broken(about, {pid->freed}, [&] {
            return fmt::format(
                "{} was released after its struct pid was freed; that "
                "should be freed later",
                scene.name(e.task));
        });
    }
    const TaskLife* life = scene.ledger.task(e.task.key);
    if (life == nullptr || life->pid_key == 0) {
        return Outcome::nothing;
    }
    if (life->pid_key != e.pid_key) {
        return report.broken(about, {life->born, life->exchanged, in_model}, [&] {
            return fmt::format(
                "{} was released with another struct pid than it was born "
                "with; it should be the same",
                scene.name(e.task));
        });
    }
    return Outcome::holds;
}

inline Outcome freed(const nst_free_pid& e, const Scene& scene, Report& report) {
    const PidLife* pid = scene.ledger.pid(e.pid_key);
    if (pid == nullptr || pid->attached == not_told || pid->freed > pid->allocated) {
        return Outcome::nothing;
    }
    if (pid->released == not_told) {
        return report.broken({.task = {}, .ns = pid->innermost}, {pid->attached}, [&] {
            return fmt::format(
                "{} was freed while its task had not been released; it "
                "should be freed after that",
                number_name(pid->innermost, pid->nr));
        });
    }
    return Outcome::holds;
}

inline constexpr Rule rule = {
    .id = "REL3",
    .statement = "At its release a task's struct pid is still attached; it is freed later.",
    .kernel = "__unhash_process: detach_pid",
    .exceptions = "The free may come much later, from another task's setsid.",
    .hooks = {NST_HOOK_alloc_pid, NST_HOOK_free_pid, NST_HOOK_task_newtask, NST_HOOK_release_task,
              NST_HOOK_cgroup_release, NST_HOOK_exchange_tids},
    .readers = {reads<nst_task_release, released>(), reads<nst_free_pid, freed>()},
};

}  // namespace nstrail::rel3
