// SPDX-License-Identifier: Apache-2.0
#include "sink/perfetto_tasks.hpp"

#include <algorithm>

#include "sink/tree.hpp"

namespace nstrail {

void TaskLives::take(const Event& event, const Change& change, bool wanted) {
    // First the ends: a birth may take the number, or even the key, of who is gone.
    for (const TaskRecord& gone : change.dropped) {
        if (const auto at = lives_.find(gone.key); at != lives_.end()) {
            end(at->second, stage_.now, Ended::unknown, {});
            lives_.erase(at);
        }
    }
    if (change.released) {
        const TaskRecord& gone = *change.released;
        if (const auto at = lives_.find(gone.key); at != lives_.end()) {
            TaskLife& life = at->second;
            life.wanted = life.wanted || wanted;
            // sched_process_free comes an unknown time after the release, which was not seen.
            const bool release = event.kind() == NST_KIND_task_release;
            if (release) {
                life.tell(stage_.now);
                life.exit_code = event.as<nst_task_release>().exit_code;
                life.exit_known = true;
            }
            const Whereabouts* here = stage_.besides.whereabouts_of_released(change);
            end(life, stage_.now, release ? Ended::seen : Ended::unknown,
                here == nullptr ? std::string_view{} : here->container);
            lives_.erase(at);
        }
    }
    if (change.actor != nullptr) {
        if (const auto at = lives_.find(change.actor->key); at != lives_.end()) {
            at->second.tell(stage_.now);  // it ran
        }
    }
    if (change.task != nullptr) {
        touch(*change.task, event.kind() == NST_KIND_task_new, wanted);
    }
    if (event.kind() == NST_KIND_exchange_tids) {
        const auto& e = event.as<nst_exchange_tids>();
        if (const TaskRecord* leader = stage_.world.find_key(e.leader.key); leader != nullptr) {
            touch(*leader, false, wanted);
        }
    }
    if (event.kind() == NST_KIND_task_new && change.actor != nullptr && change.task != nullptr &&
        stage_.shown() && !stage_.filtered) {
        const auto parent = lives_.find(change.actor->key);
        const Track* from = row(*change.actor);
        const Track* to = row(*change.task);
        if (from != nullptr && to != nullptr && parent->second.begin <= stage_.now) {
            stage_.writer.arrow(*from, *to, stage_.at());
        }
    }
}

TaskLives::TaskLife& TaskLives::begin(const TaskRecord& task, bool born) {
    const auto [at, added] = lives_.try_emplace(task.key);
    TaskLife& life = at->second;
    if (!added) {
        return life;
    }
    if (const auto old = suspended_.find({task.start_boottime_ns, task.tid});
        old != suspended_.end()) {
        life = std::move(old->second);
        suspended_.erase(old);
        Process& process = processes_[life.vpids.innermost().pid_namespace];
        process.rejoined = stage_.session;
        process.rejoined_ns = stage_.recorded;
        return life;
    }
    life.track.thread = stage_.writer.number();
    life.start_boottime_ns = task.start_boottime_ns;
    life.born_as = task.name();
    life.wanted = !stage_.filtered;
    if (born) {
        life.begun = Begun::seen;
        life.begin = stage_.now;
    } else {
        const bool before = task.start_boottime_ns < stage_.first_ns;
        life.begun = before ? Begun::before : Begun::found;
        life.begin = before ? stage_.first_ns : std::min(task.start_boottime_ns, stage_.now);
    }
    return life;
}

TaskLives::TaskLife& TaskLives::touch(const TaskRecord& task, bool born, bool wanted) {
    TaskLife& life = begin(task, born);
    life.tell(stage_.now);
    life.wanted = life.wanted || wanted;
    const bool renamed = life.comm != task.name() || life.tid != task.tid;
    life.tid = task.tid;
    life.tgid = task.tgid;
    life.start_boottime_ns = task.start_boottime_ns;
    life.comm = task.name();
    life.vpids = task.vpids;
    if (task.state != TaskState::alive) {
        life.exit_code = task.exit_code;
        life.exit_known = true;
        if (life.exiting == 0 && task.exited_boot_ns != 0) {
            life.exiting = std::min(task.exited_boot_ns, life.told);
        }
        if (life.zombie == 0 && task.state == TaskState::zombie) {
            life.zombie = life.told;
        }
    }
    if (life.named && renamed) {
        name(life);
    }
    if (const nst_pid_nr innermost = life.vpids.innermost(); life.named && innermost.nr == 1) {
        // Its init tells whose a pid namespace is, and may have moved to another cgroup.
        if (const auto at = processes_.find(innermost.pid_namespace);
            at != processes_.end() && at->second.number == life.track.process) {
            name_process(at->second, life);
        }
    }
    return life;
}

const Track* TaskLives::row(const TaskRecord& task) {
    const auto at = lives_.find(task.key);
    if (at == lives_.end()) {
        return nullptr;
    }
    if (!at->second.named) {
        name(at->second);
    }
    return &at->second.track;
}

/// Also the process that it is in, which is chosen as late as this: while a keyframe or a first
/// snapshot is told, generations are not known yet.
void TaskLives::name(TaskLife& life) {
    if (!life.named) {
        life.named = true;
        Process& process = process_of(life.vpids.innermost().pid_namespace);
        life.track.process = process.number;
        name_process(process, life);
    }
    const std::uint32_t nr = life.vpids.innermost().nr;
    stage_.writer.thread(life.track, nr == 0 || nr == life.tid
                                         ? fmt::format("{} {}", life.comm, life.tid)
                                         : fmt::format("{} {}, nr {}", life.comm, life.tid, nr));
}

TaskLives::Process& TaskLives::process_of(std::uint32_t inum) {
    Process& process = processes_[inum];
    const NsRecord* ns = stage_.world.find_namespace(inum);
    const std::uint32_t gen = ns == nullptr ? process.gen : ns->gen;
    // Another session counts generations anew, unless a keyframe told them; but a task never leaves
    // its pid namespace, so where one is found again it is the same.
    const bool rejoined = process.rejoined == stage_.session && process.session != stage_.session &&
                          (ns == nullptr || ns->first_seen_ns <= process.rejoined_ns);
    if (process.number == 0 || (process.gen != gen && !rejoined)) {
        process = {.number = stage_.writer.number(), .name = {}, .container = {}};
    }
    process.gen = gen;
    process.session = stage_.session;
    return process;
}

void TaskLives::name_process(Process& process, const TaskLife& life) {
    const std::uint32_t inum = life.vpids.innermost().pid_namespace;
    const NsRecord* ns = stage_.world.find_namespace(inum);
    const TaskRecord* init = ns == nullptr ? nullptr : stage_.world.find_task(ns->init_tgid);
    const Whereabouts* here = init == nullptr ? nullptr : stage_.besides.whereabouts(*init);
    if (here != nullptr) {
        process.container = here->container.empty() ? std::string() : container_words(*here);
    }
    // Its numbers tell how deep it is, whatever else is known of it.
    const std::size_t level = life.vpids.size() == 0 ? 0 : life.vpids.size() - 1;
    std::string name = "pid namespace not known";
    if (inum != 0) {
        name = fmt::format("pid:[{}]{}, level {}{}{}", inum,
                           ns != nullptr && ns->gen > 1 ? fmt::format(" gen {}", ns->gen) : "",
                           level, process.container.empty() ? "" : ", ", process.container);
    }
    if (process.name != name) {
        process.name = std::move(name);
        // Rows of namespaces and of what was lost come first, then level by level.
        const auto sort = static_cast<std::uint32_t>(level + 1) * 1'000'000;
        stage_.writer.process(life.track, process.name,
                              sort + std::min<std::uint32_t>(process.number, 999'999));
    }
}

void TaskLives::end(TaskLife& life, std::uint64_t now, Ended ended, std::string_view container) {
    const std::uint64_t end = life.end_at(now);
    if (life.hidden(stage_, end)) {
        return;
    }
    if (!life.named) {
        name(life);
    }
    TraceArgs args;
    args.number("tid", life.tid);
    args.number("tgid", life.tgid);
    args.number("start_boottime_ns", life.start_boottime_ns);
    if (life.born_as != life.comm) {
        args.text("first_name", life.born_as);
    }
    std::string vpids;
    for (const nst_pid_nr& one : life.vpids.span()) {
        vpids += fmt::format(R"({}{{"pid_namespace":{},"nr":{}}})", vpids.empty() ? "" : ",",
                             one.pid_namespace, one.nr);
    }
    args.json("vpids", "[" + vpids + "]");
    args.text_if("container", container);
    if (life.exit_known) {
        args.number("exit_code", life.exit_code);
    }
    life.write(stage_, "task", life.comm, end, ended, args,
               {{.name = "exiting",
                 .from = life.exiting,
                 .until = life.zombie == 0 ? UINT64_MAX : life.zombie},
                {.name = "zombie", .from = life.zombie}});
}

void TaskLives::suspend() {
    for (auto& [key, life] : lives_) {
        suspended_.insert_or_assign({life.start_boottime_ns, life.tid}, std::move(life));
    }
    lives_.clear();
}

void TaskLives::settle() {
    for (TaskLife* life : by_row<TaskLife>(suspended_)) {
        end(*life, stage_.recorded, Ended::unknown, {});
    }
    suspended_.clear();
}

void TaskLives::finish() {
    settle();
    for (TaskLife* life : by_row<TaskLife>(lives_)) {
        const TaskRecord* task = stage_.world.find_task(life->tid);
        const Whereabouts* here = task == nullptr ? nullptr : stage_.besides.whereabouts(*task);
        end(*life, stage_.recorded, life->at_the_end(stage_),
            here == nullptr ? std::string_view{} : here->container);
    }
    lives_.clear();
}

}  // namespace nstrail
