// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "model/teardown.hpp"
#include "model/who.hpp"
#include "sink/tree.hpp"
#include "sink/why.hpp"

namespace nstrail {

namespace {

std::string for_how_long(const View& view, std::uint64_t boot_ns) {
    return boot_ns == 0 || boot_ns > view.at_boot_ns()
               ? std::string()
               : " for " + duration(view.at_boot_ns() - boot_ns);
}

struct Painter {
    const View& view;
    const TreeOptions& options;
    Who who;
    std::vector<Namespace> namespaces;
    std::map<std::uint32_t, std::vector<Task>> tasks_in;  // by active pid namespace
    fmt::memory_buffer out;

    Painter(const View& from, const TreeOptions& how)
        : view(from), options(how), who(from), namespaces(from.namespaces()) {
        for (const Task& task : how.tasks ? from.tasks() : std::vector<Task>{}) {
            tasks_in[task.ns()[Slot::pid]].push_back(task);
        }
    }

    template <class... Args>
    void put(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    }

    [[nodiscard]] bool shown(NsType type) const {
        return options.types.empty() ||
               std::ranges::find(options.types, type) != options.types.end();
    }

    void place(const Whereabouts* here) {
        if (here != nullptr && !here->container.empty()) {
            put("  {}", container_words(*here));
        }
    }

    void blockers(const Namespace& ns) {
        for (const Blocker& one : blockers_of(view, ns)) {
            put("; waits for {}", blocker_words(view, one));
        }
    }

    /// What holds a namespace that no task is in: the first, and how many more.
    [[nodiscard]] std::string held_by(const Namespace& ns) const {
        const Why why = why_of(view, ns);
        return why.holds.empty()
                   ? std::string()
                   : fmt::format(", held by {}{}", hold_words(why.holds.front()),
                                 why.holds.size() == 1
                                     ? ""
                                     : fmt::format(" and {} more", why.holds.size() - 1));
    }

    void describe(const Namespace& ns) {
        const NsRecord& record = ns.record();
        const Population all = ns.population();
        put("{}  {} task{}", ns.inum(), all.alive(), all.alive() == 1 ? "" : "s");
        if (all.zombies != 0) {
            put(", {} zombie{}", all.zombies, all.zombies == 1 ? "" : "s");
        }
        if (const auto reaper = ns.reaper()) {
            put("  init {} ({})", printable(reaper->comm()), reaper->tid());
        }
        if (ns.type() == NST_ns_type_pid && record.last_pid_known &&
            view.session().mode != NST_attach_mode_reduced) {
            put("  last pid {}", record.last_pid);
        }
        if (ns.type() == NST_ns_type_user && record.level != 0) {
            put("  made by uid {}", record.creator_uid);
        }
        place(who.of(ns));
        const NsState state = ns.state();
        if (state == NsState::dying || state == NsState::zapping) {
            put("  [{}{}", ns_state_name(state), for_how_long(view, record.dying_since_ns));
            blockers(ns);
            put("]");
        } else if (state != NsState::alive) {
            put("  [{}{}{}]", ns_state_name(state), for_how_long(view, record.emptied_ns),
                held_by(ns));
        }
        if (!record.certain) {
            put("  [not certain]");
        }
        if (record.born && record.creator_tid != 0) {
            put("  by {} ({})",
                printable(text_of(record.creator_comm.data(), record.creator_comm.size())),
                record.creator_tid);
        }
        put("\n");
    }

    void tasks_of(std::uint32_t inum, const std::string& indent) {
        for (const Task& task : tasks_in[inum]) {
            put("{}  {}", indent,
                task.leader() ? fmt::format("{}", task.tid())
                              : fmt::format("{}/{}", task.tgid(), task.tid()));
            const auto vpids = task.vpids();
            if (vpids.size() > 1) {
                put(" (");
                for (std::size_t i = 1; i < vpids.size(); i++) {
                    put("{}{}", i == 1 ? "" : ":", vpids[i].nr);
                }
                put(")");
            }
            put(" {}", printable(task.comm()));
            if (!task.exe().empty()) {
                put("  {}", printable(task.exe()));
            }
            const Whereabouts* here = who.of(task);
            place(here);
            if (here != nullptr && here->container.empty() && !here->unit.empty()) {
                put("  {}", printable(here->unit));
            }
            put("{}\n", task.state() == TaskState::alive
                            ? ""
                            : fmt::format(" [{}]", task_state_name(task.state())));
        }
    }

    void branch(NsType type, std::uint32_t parent, const std::string& indent, int depth) {
        std::vector<const Namespace*> children;
        for (const Namespace& ns : namespaces) {
            if (ns.type() == type && ns.record().parent == parent &&
                (parent != 0 || ns.record().level == 0)) {
                children.push_back(&ns);
            }
        }
        for (const Namespace* ns : children) {
            const bool last = ns == children.back();
            put("{}{}", indent, depth == 0 ? "" : last ? "└─ " : "├─ ");
            describe(*ns);
            const std::string below = depth == 0 ? indent : indent + (last ? "   " : "│  ");
            if (type == NST_ns_type_pid) {
                tasks_of(ns->inum(), below);
            }
            // A loop could only come from a damaged stream; the kernel allows 32 levels.
            if (depth <= NST_MAX_LEVELS) {
                branch(type, ns->inum(), below, depth + 1);
            }
        }
    }
};

}  // namespace

std::string container_words(const Whereabouts& here) {
    constexpr std::size_t id_digits = 64;
    return fmt::format(
        "{} {}", here.runtime.empty() ? "container" : here.runtime,
        printable(here.container.substr(0, here.container.size() == id_digits ? 12 : id_digits)));
}

std::string blocker_words(const View& view, const Blocker& blocker) {
    std::string words = fmt::format("{} ({})", printable(blocker.task.comm()), blocker.task.tid());
    if (blocker.obstacle == Obstacle::parent || blocker.obstacle == Obstacle::tracer) {
        words += ", a zombie of ";
        words += blocker.by
                     ? fmt::format("{} ({})", printable(blocker.by->comm()), blocker.by->tid())
                     : "a parent that is not known";
    }
    return words + for_how_long(view, blocker.since_boot_ns.value_or(0));
}

std::string tree_text(const View& view, const TreeOptions& options) {
    Painter paint(view, options);
    for (const NsType type : {NST_ns_type_pid, NST_ns_type_user}) {
        if (paint.shown(type)) {
            paint.put("{} namespaces\n", type_name(type));
            paint.branch(type, 0, "  ", 0);
        }
    }
    for (const NsType type : {NST_ns_type_mnt, NST_ns_type_uts, NST_ns_type_ipc, NST_ns_type_net,
                              NST_ns_type_cgroup, NST_ns_type_time}) {
        if (!paint.shown(type)) {
            continue;
        }
        paint.put("{} namespaces\n", type_name(type));
        for (const Namespace& ns : paint.namespaces) {
            if (ns.type() == type) {
                paint.put("  ");
                paint.describe(ns);
            }
        }
    }
    if (const std::string why = doubt(view, options.note); !why.empty()) {
        paint.put("note: {}\n", why);
    }
    return fmt::to_string(paint.out);
}

}  // namespace nstrail
