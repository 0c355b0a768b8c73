// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

/// Streams rather than builds: 100 thousand tasks are 60 MB of text.
struct Writer {
    fmt::memory_buffer out;

    template <class... Args>
    void put(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    }
    void known(std::string_view name, std::uint64_t value, bool is_known) {
        if (is_known) {
            put("\"{}\":{}", name, value);
        } else {
            put("\"{}\":null", name);
        }
    }
};

bool shown(const TreeOptions& options, NsType type) {
    return options.types.empty() || std::ranges::find(options.types, type) != options.types.end();
}

void write_namespace(Writer& to, const Snapshot::NsRow& row, const Snapshot& snapshot) {
    const Namespace& ns = row.ns;
    const bool hierarchical = ns.type == NST_ns_type_pid || ns.type == NST_ns_type_user;
    // Without alloc_pid the cursor is known only at the moment of a snapshot.
    const bool last_pid = ns.type == NST_ns_type_pid && ns.last_pid_known &&
                          snapshot.session.mode != NST_attach_mode_reduced;
    to.put(R"({{"type":"{}","inum":{},)", type_name(ns.type), ns.inum);
    to.known("id", ns.id, ns.id != 0);
    to.put(R"(,"gen":{},)", ns.gen);
    to.known("parent", ns.parent, hierarchical && ns.parent != 0);
    to.put(",");
    to.known("owner", ns.owner, ns.owner != 0);
    to.put(",");
    to.known("level", ns.level, hierarchical && (ns.facts || ns.parent != 0));
    to.put(R"(,"tasks":{},"zombies":{},"state":"{}","certain":{},"reaper":)", ns.tasks - ns.zombies,
           ns.zombies, ns_state_name(row.state), ns.certain);
    if (row.reaper_tid != 0) {
        to.put(R"({{"tid":{},"comm":{}}})", row.reaper_tid, json_quote(row.reaper_comm));
    } else {
        to.put("null");
    }
    to.put(",");
    to.known("last_pid", ns.last_pid, last_pid);
    to.put(R"(,"first_seen_boot_ns":{},"born":{},"created_by":)", ns.first_seen_ns, ns.born);
    if (ns.born && ns.creator_tid != 0) {
        to.put(R"({{"tid":{},"comm":{}}})", ns.creator_tid,
               json_quote(text_of(ns.creator_comm.data(), ns.creator_comm.size())));
    } else {
        to.put("null");
    }
    to.put(R"(,"container":null,"pod":null}})");
}

void write_task(Writer& to, const Snapshot::TaskRow& row) {
    const Task& task = row.task;
    to.put(R"({{"tid":{},"tgid":{},)", task.tid, task.tgid);
    to.known("ppid", row.ppid.value_or(0), row.ppid.has_value());
    to.put(R"(,"comm":{},"start_boottime_ns":{},"state":"{}","vpids":[)", json_quote(task.name()),
           task.start_boottime_ns, task_state_name(task.state));
    bool first = true;
    for (const nst_pid_nr& one : task.vpids.span()) {
        to.put(R"({}{{"pid_namespace":{},"nr":{}}})", first ? "" : ",", one.pid_namespace, one.nr);
        first = false;
    }
    to.put(R"(],"ns":{{)");
    for (const Slot slot : all_slots) {
        to.put("{}", slot == all_slots.front() ? "" : ",");
        to.known(slot_name(slot), task.ns[slot], task.ns[slot] != 0);
    }
    to.put(R"(}},"container":null}})");
}

}  // namespace

std::string tree_json(const Snapshot& snapshot, const TreeOptions& options) {
    Writer to;
    const nst_session& session = snapshot.session;
    to.put(
        R"({{"schema":"nstrail.tree/1","boot_id":{},"at":"{}","at_boot_ns":{},"certain":{},"lost":{},"mode":"{}",)",
        json_quote(text_of(session.boot_id, sizeof(session.boot_id))),
        rfc3339(session.wall_offset_ns + snapshot.at_boot_ns), snapshot.at_boot_ns,
        snapshot.certain, snapshot.lost,
        session.mode == NST_attach_mode_full      ? "full"
        : session.mode == NST_attach_mode_reduced ? "reduced"
                                                  : "snapshot");
    const std::string why = doubt(snapshot, options.note);
    to.put(R"("doubt":{},"namespaces":[)", why.empty() ? "null" : json_quote(why));
    bool first = true;
    for (const auto& row : snapshot.namespaces) {
        if (shown(options, row.ns.type)) {
            to.put("{}", first ? "" : ",");
            write_namespace(to, row, snapshot);
            first = false;
        }
    }
    to.put("]");
    if (options.tasks) {
        to.put(R"(,"tasks":[)");
        first = true;
        for (const auto& row : snapshot.tasks) {
            to.put("{}", first ? "" : ",");
            write_task(to, row);
            first = false;
        }
        to.put("]");
    }
    to.put("}}");
    return fmt::to_string(to.out);
}

std::string doubt(const Snapshot& snapshot, const std::string& note) {
    std::string why;
    if (!snapshot.synchronized) {
        why = "the first snapshot is not complete";
    } else if (!snapshot.certain) {
        why = "events were lost and the next snapshot is not complete";
    } else if (snapshot.session.mode == NST_attach_mode_reduced) {
        why =
            "reduced mode: switches of namespaces are seen at the next fork, exec, exit or "
            "snapshot of a task, "
            "and ends of namespaces without tasks not at all";
    }
    return why + (why.empty() || note.empty() ? "" : "; ") + note;
}

}  // namespace nstrail
