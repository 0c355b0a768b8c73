// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "model/capability.hpp"
#include "model/state.hpp"
#include "model/teardown.hpp"
#include "model/who.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

/// Streams rather than builds: 100 thousand tasks are 60 MB of text.
struct TreeWriter {
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

void write_comm(TreeWriter& to, const Task& task) {
    to.put(R"({{"tid":{},"comm":{}}})", task.tid(), json_quote(task.comm()));
}

void write_who(TreeWriter& to, const Whereabouts* here) {
    const auto text = [&](std::string_view name, std::string_view value) {
        to.put(R"(,"{}":{})", name, value.empty() ? "null" : json_quote(value));
    };
    text("container", here == nullptr ? "" : here->container);
    text("runtime", here == nullptr ? "" : here->runtime);
    text("pod", here == nullptr ? "" : here->pod);
    text("unit", here == nullptr ? "" : here->unit);
}

/// Numbers of a pid namespace.
void write_pids(TreeWriter& to, const Namespace& ns, const View& view) {
    const NsRecord& record = ns.record();
    // Without alloc_pid the cursor is known only at the moment of a snapshot.
    const bool followed = view.session().mode != NST_attach_mode_reduced;
    to.put(",");
    to.known("last_pid", record.last_pid, record.last_pid_known && followed);
    if (!followed || !record.last_pid_known) {
        to.put(R"(,"last_pid_vector":null,"last_pid_moved":null)");
    } else {
        to.put(R"(,"last_pid_vector":"{}","last_pid_moved":{{"by":"{}",)",
               pid_vector_text(ns.last_pid_vector()), pid_move_name(record.last_move));
        to.known("at_boot_ns", record.last_moved_ns, record.last_moved_ns != 0);
        to.put(",");
        to.known("tid", record.mover_tid, record.mover_tid != 0);
        to.put(R"(,"comm":{}}})",
               record.mover_tid == 0
                   ? "null"
                   : json_quote(text_of(record.mover_comm.data(), record.mover_comm.size())));
    }
    const std::uint32_t limit = record.pid_max != 0 ? record.pid_max : view.pid_max().value_or(0);
    to.put(",");
    to.known("pids_used", record.pids_used, record.pids_used_known);
    to.put(",");
    to.known("pids_used_at_boot_ns", record.pids_told_ns, record.pids_used_known);
    to.put(",");
    to.known("pid_max", limit, limit != 0);
}

void write_teardown(TreeWriter& to, const Namespace& ns, const View& view) {
    const NsState state = ns.state();
    if (state != NsState::dying && state != NsState::zapping) {
        to.put(R"(,"teardown":null)");
        return;
    }
    const std::uint64_t since = ns.record().dying_since_ns;
    to.put(R"(,"teardown":{{)");
    to.known("since_boot_ns", since, since != 0);
    to.put(R"(,"blocked_by":[)");
    bool first = true;
    for (const Blocker& blocker : blockers_of(view, ns)) {
        to.put(R"({}{{"tid":{},"comm":{},"state":"{}","waits_for":"{}","by":)", first ? "" : ",",
               blocker.task.tid(), json_quote(blocker.task.comm()),
               task_state_name(blocker.task.state()), obstacle_name(blocker.obstacle));
        blocker.by ? write_comm(to, *blocker.by) : to.put("null");
        to.put(",");
        to.known("since_boot_ns", blocker.since_boot_ns.value_or(0),
                 blocker.since_boot_ns.has_value());
        to.put("}}");
        first = false;
    }
    to.put("]}}");
}

void write_namespace(TreeWriter& to, const Namespace& ns, const View& view, const Who& who) {
    const NsRecord& record = ns.record();
    const Population all = ns.population();
    const bool hierarchical = ns.type() == NST_ns_type_pid || ns.type() == NST_ns_type_user;
    to.put(R"({{"type":"{}","inum":{},)", type_name(ns.type()), ns.inum());
    to.known("id", record.id, record.id != 0);
    to.put(R"(,"gen":{},)", ns.gen());
    to.known("parent", record.parent, hierarchical && record.parent != 0);
    to.put(",");
    to.known("owner", record.owner, record.owner != 0);
    to.put(",");
    to.known("level", record.level, hierarchical && (record.facts || record.parent != 0));
    to.put(R"(,"tasks":{},"zombies":{},"state":"{}","certain":{},"reaper":)", all.alive(),
           all.zombies, ns_state_name(ns.state()), static_cast<bool>(record.certain));
    const auto reaper = ns.reaper();
    reaper ? write_comm(to, *reaper) : to.put("null");
    if (ns.type() == NST_ns_type_pid) {
        write_pids(to, ns, view);
        write_teardown(to, ns, view);
    } else {
        to.put(R"(,"last_pid":null)");
    }
    to.put(R"(,"first_seen_boot_ns":{},"born":{},"created_by":)", record.first_seen_ns,
           static_cast<bool>(record.born));
    if (record.born && record.creator_tid != 0) {
        to.put(R"({{"tid":{},"comm":{}}})", record.creator_tid,
               json_quote(text_of(record.creator_comm.data(), record.creator_comm.size())));
    } else {
        to.put("null");
    }
    write_who(to, who.of(ns));
    to.put("}}");
}

void write_task(TreeWriter& to, const Task& task, Who& who) {
    const auto ppid = task.ppid();
    to.put(R"({{"tid":{},"tgid":{},)", task.tid(), task.tgid());
    to.known("ppid", ppid.value_or(0), ppid.has_value());
    to.put(R"(,"comm":{},"exe":{},"start_boottime_ns":{},"state":"{}","vpids":[)",
           json_quote(task.comm()), task.exe().empty() ? "null" : json_quote(task.exe()),
           task.start_boottime_ns(), task_state_name(task.state()));
    bool first = true;
    for (const nst_pid_nr& one : task.vpids()) {
        to.put(R"({}{{"pid_namespace":{},"nr":{}}})", first ? "" : ",", one.pid_namespace, one.nr);
        first = false;
    }
    to.put(R"(],"ns":{{)");
    const NsSet& set = task.ns();
    for (const Slot slot : all_slots) {
        to.put("{}", slot == all_slots.front() ? "" : ",");
        to.known(slot_name(slot), set[slot], set[slot] != 0);
    }
    const auto cgroup = task.cgroup();
    to.put(R"(}},"cgroup":{})", cgroup ? json_quote(*cgroup) : "null");
    const auto pids = task.pids_controller();
    if (pids) {
        to.put(R"(,"pids_controller":{{"used":{},)", pids->used);
        to.known("max", pids->max.value_or(0), pids->max.has_value());
        to.put(R"(,"at_boot_ns":{}}})", pids->told_ns);
    } else {
        to.put(R"(,"pids_controller":null)");
    }
    write_who(to, who.of(task));
    to.put("}}");
}

/// A vector of a request, innermost first, as clone3 takes it and people write it.
std::string asked_text(const PidRequest& request, nst_u32 nst_pid_request::* number) {
    std::vector<std::optional<std::uint32_t>> numbers;
    for (std::size_t i = request.levels.size(); i-- > 0;) {
        const std::uint32_t one = request.levels[i].*number;
        numbers.push_back(one == 0 ? std::nullopt : std::optional(one));
    }
    numbers.resize(std::min<std::size_t>(numbers.size(), request.set_tid_size));
    return pid_vector_text(numbers);
}

/// Whether the actor was capable at each level that it asked for, innermost first.
void write_capable(TreeWriter& to, const PidRequest& request, const View& view) {
    const Credentials actor{
        .user_ns = request.user, .euid = request.euid, .effective = request.capabilities};
    const auto facts = [&](std::uint32_t inum) -> std::optional<UserNsFacts> {
        const auto ns = view.ns(inum);
        if (!ns || ns->type() != NST_ns_type_user || !ns->record().facts) {
            return std::nullopt;
        }
        return UserNsFacts{.parent = ns->record().parent, .owner_uid = ns->record().creator_uid};
    };
    to.put("[");
    auto level = view.ns(request.pid_namespace);
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(request.set_tid_size, NST_MAX_LEVELS);
         i++) {
        const auto capable =
            level && request.user != 0 && level->record().owner != 0
                ? checkpoint_restore_ns_capable(actor, level->record().owner, facts)
                : std::nullopt;
        to.put("{}{}", i == 0 ? "" : ",", !capable ? "null" : *capable ? "true" : "false");
        level = level ? level->parent() : std::nullopt;
    }
    to.put("]");
}

void write_requests(TreeWriter& to, const View& view) {
    to.put(R"("pid_requests":[)");
    bool first = true;
    for (const PidRequest& request : view.pid_requests()) {
        to.put(R"({}{{"at_boot_ns":{},"actor":{{"tid":{},"comm":{}}},"pid_namespace":{},)",
               first ? "" : ",", request.at_boot_ns, request.actor.tid,
               request.comm.empty() ? "null" : json_quote(request.comm), request.pid_namespace);
        to.put(
            R"("asked":"{}","got":{},"error":{},"capable":)",
            asked_text(request, &nst_pid_request::asked),
            request.error != 0 ? "null" : "\"" + asked_text(request, &nst_pid_request::nr) + "\"",
            request.error == 0 ? "null" : json_quote(errno_name(-request.error)));
        write_capable(to, request, view);
        to.put("}}");
        first = false;
    }
    to.put("]");
}

}  // namespace

std::string tree_json(const View& view, const TreeOptions& options) {
    TreeWriter to;
    Who who(view);
    const nst_session& session = view.session();
    to.put(R"({{"schema":"nstrail.tree/1","boot_id":{},{},"lost":{},"mode":"{}",)",
           json_quote(text_of(session.boot_id, sizeof(session.boot_id))), moment_json(view),
           view.lost(),
           session.mode == NST_attach_mode_full      ? "full"
           : session.mode == NST_attach_mode_reduced ? "reduced"
                                                     : "snapshot");
    // What only takes snapshots has never begun; keyframes of format 1 did not always keep it.
    to.known("tracing_since_boot_ns", session.header.boot_ns,
             session.mode != NST_attach_mode_none && session.header.boot_ns != 0);
    const std::string why = doubt(view, options.note);
    to.put(R"(,"doubt":{},"namespaces":[)", why.empty() ? "null" : json_quote(why));
    bool first = true;
    for (const Namespace& ns : view.namespaces()) {
        if (shown(options, ns.type())) {
            to.put("{}", first ? "" : ",");
            write_namespace(to, ns, view, who);
            first = false;
        }
    }
    to.put("],");
    write_requests(to, view);
    if (options.tasks) {
        to.put(R"(,"tasks":[)");
        first = true;
        for (const Task& task : view.tasks()) {
            to.put("{}", first ? "" : ",");
            write_task(to, task, who);
            first = false;
        }
        to.put("]");
    }
    to.put("}}");
    return fmt::to_string(to.out);
}

std::string namespace_json(const View& view, const Namespace& ns) {
    TreeWriter to;
    write_namespace(to, ns, view, Who(view));
    return fmt::to_string(to.out);
}

std::string task_json(const View& view, const Task& task) {
    TreeWriter to;
    Who who(view);
    write_task(to, task, who);
    return fmt::to_string(to.out);
}

std::string moment_json(const View& view) {
    return fmt::format(R"("at":"{}","at_boot_ns":{},"certain":{})",
                       rfc3339(view.session().wall_offset_ns + view.at_boot_ns()),
                       view.at_boot_ns(), view.certain());
}

std::string doubt(const View& view, const std::string& note) {
    std::vector<std::string> why;
    if (!view.synchronized()) {
        why.emplace_back("the first snapshot is not complete");
    } else if (!view.certain()) {
        why.emplace_back("events were lost and the next snapshot is not complete");
    } else if (view.session().mode == NST_attach_mode_reduced) {
        why.emplace_back(
            "reduced mode: switches of namespaces are seen at the next fork, exec, exit or "
            "snapshot of a task, and ends of namespaces without tasks not at all");
    }
    const auto all = view.namespaces();
    if (const auto doubtful =
            std::ranges::count_if(all, [](const Namespace& ns) { return !ns.record().certain; });
        doubtful != 0) {
        why.push_back(fmt::format(
            "{} namespace{} without tasks may have ended: the event was lost, and what else holds "
            "namespaces was not looked at since",
            doubtful, doubtful == 1 ? "" : "s"));
    }
    if (!note.empty()) {
        why.push_back(note);
    }
    return fmt::format("{}", fmt::join(why, "; "));
}

}  // namespace nstrail
