// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

struct Painter {
    const Snapshot& snapshot;
    const TreeOptions& options;
    fmt::memory_buffer out{};
    std::map<std::uint32_t, std::vector<const Snapshot::TaskRow*>> tasks_in =
        {};  // by active pid namespace

    template <class... Args>
    void put(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    }

    [[nodiscard]] bool shown(NsType type) const {
        return options.types.empty() ||
               std::ranges::find(options.types, type) != options.types.end();
    }

    void describe(const Snapshot::NsRow& row) {
        const Namespace& ns = row.ns;
        const std::uint32_t alive = ns.tasks - ns.zombies;
        put("{}  {} task{}", ns.inum, alive, alive == 1 ? "" : "s");
        if (ns.zombies != 0) {
            put(", {} zombie{}", ns.zombies, ns.zombies == 1 ? "" : "s");
        }
        if (ns.type == NST_ns_type_pid && row.reaper_tid != 0) {
            put("  init {} ({})", printable(row.reaper_comm), row.reaper_tid);
        }
        if (ns.type == NST_ns_type_pid && ns.last_pid_known &&
            snapshot.session.mode != NST_attach_mode_reduced) {
            put("  last pid {}", ns.last_pid);
        }
        if (ns.type == NST_ns_type_user && ns.level != 0) {
            put("  made by uid {}", ns.creator_uid);
        }
        if (row.state != NsState::alive) {
            put("  [{}]", ns_state_name(row.state));
        }
        if (!ns.certain) {
            put("  [not certain]");
        }
        if (ns.born && ns.creator_tid != 0) {
            put("  by {} ({})", printable(text_of(ns.creator_comm.data(), ns.creator_comm.size())),
                ns.creator_tid);
        }
        put("\n");
    }

    void tasks_of(std::uint32_t inum, const std::string& indent) {
        if (!options.tasks) {
            return;
        }
        for (const auto* row : tasks_in[inum]) {
            const Task& task = row->task;
            put("{}  {}", indent,
                task.leader() ? fmt::format("{}", task.tid)
                              : fmt::format("{}/{}", task.tgid, task.tid));
            if (task.vpids.size() > 1) {
                put(" (");
                for (const nst_pid_nr& one : task.vpids.span().subspan(1)) {
                    put("{}{}", &one == &task.vpids.span()[1] ? "" : ":", one.nr);
                }
                put(")");
            }
            put(" {}{}\n", printable(task.name()),
                task.state == TaskState::alive ? ""
                                               : fmt::format(" [{}]", task_state_name(task.state)));
        }
    }

    void branch(NsType type, std::uint32_t parent, const std::string& indent, int depth) {
        std::vector<const Snapshot::NsRow*> children;
        for (const auto& row : snapshot.namespaces) {
            if (row.ns.type == type && row.ns.parent == parent &&
                (parent != 0 || row.ns.level == 0)) {
                children.push_back(&row);
            }
        }
        for (const auto* row : children) {
            const bool last = row == children.back();
            put("{}{}", indent, depth == 0 ? "" : last ? "└─ " : "├─ ");
            describe(*row);
            const std::string below = depth == 0 ? indent : indent + (last ? "   " : "│  ");
            if (type == NST_ns_type_pid) {
                tasks_of(row->ns.inum, below);
            }
            // A loop could only come from a damaged stream; the kernel allows 32 levels.
            if (depth <= NST_MAX_LEVELS) {
                branch(type, row->ns.inum, below, depth + 1);
            }
        }
    }
};

}  // namespace

std::string tree_text(const Snapshot& snapshot, const TreeOptions& options) {
    Painter paint{.snapshot = snapshot, .options = options};
    for (const auto& row : snapshot.tasks) {
        paint.tasks_in[row.task.ns[Slot::pid]].push_back(&row);
    }
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
        for (const auto& row : snapshot.namespaces) {
            if (row.ns.type == type) {
                paint.put("  ");
                paint.describe(row);
            }
        }
    }
    if (const std::string why = doubt(snapshot, options.note); !why.empty()) {
        paint.put("note: {}\n", why);
    }
    return fmt::to_string(paint.out);
}

}  // namespace nstrail
