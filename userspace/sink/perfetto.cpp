// SPDX-License-Identifier: Apache-2.0
#include "sink/perfetto.hpp"

#include <algorithm>
#include <utility>

#include "event/reflect.hpp"
#include "event/session.hpp"
#include "sink/line_facts.hpp"
#include "sink/perfetto_namespaces.hpp"
#include "sink/perfetto_tasks.hpp"

namespace nstrail {

namespace {

using Scope = TraceWriter::Scope;

/// The slots that differ: their names, joined by commas, and what they were, as a JSON object.
struct Differences {
    std::string names;
    std::string before;
    std::string after;
};

Differences differences(const Transition& change) {
    Differences all;
    const auto add = [](std::string& to, Slot slot, std::uint32_t inum) {
        to += fmt::format(R"({}"{}":{})", to.empty() ? "" : ",", slot_name(slot),
                          inum == 0 ? "null" : fmt::to_string(inum));
    };
    for (const Slot slot : all_slots) {
        if (change.before[slot] != change.after[slot]) {
            all.names += fmt::format("{}{}", all.names.empty() ? "" : ", ", slot_name(slot));
            add(all.before, slot, change.before[slot]);
            add(all.after, slot, change.after[slot]);
        }
    }
    return all;
}

/// The event tells what happens just then. What snapshots and keyframes tell is as of another time,
/// or of none.
bool happens(const Event& event) {
    switch (event.kind()) {
        case NST_KIND_namespace:
            return event.as<nst_namespace>().round == 0;
        case NST_KIND_cgroup:
            return event.as<nst_cgroup>().round == 0;
        case NST_KIND_session:
        case NST_KIND_mark:
        case NST_KIND_gap:
        case NST_KIND_task_seen:
        case NST_KIND_task_exe:
        case NST_KIND_ns_holder:
        case NST_KIND_ns_kept:
        case NST_KIND_task_kept:
            return false;
        default:
            return true;
    }
}

/// Whom a finding or a remark is about.
template <class T>
TraceArgs about(const T& found) {
    TraceArgs args;
    if (found.task.tid != 0) {
        args.number("tid", found.task.tid);
        args.number("start_boottime_ns", found.task.start_boottime_ns);
        args.text_if("comm", found.comm);
    }
    if (found.ns_inum != 0) {
        args.text("namespace", ns_name(found.ns_type, found.ns_inum));
        args.number_if("gen", found.ns_gen);
    }
    args.text("because", found.because);
    return args;
}

}  // namespace

struct Perfetto::Parts {
    explicit Parts(const World& world) : stage(world), tasks(stage), namespaces(stage) {
        const std::uint32_t process = stage.writer.number();
        for (Track* row : {&losses, &doubt, &found}) {
            *row = {.process = process, .thread = stage.writer.number()};
        }
        stage.writer.process(losses, "the stream", 0);
        stage.writer.thread(losses, "losses");
        stage.writer.thread(doubt, "not certain");
        stage.writer.thread(found, "findings");
    }

    void another_session() {
        tasks.suspend();
        namespaces.suspend();
        settled = false;
        if (stage.shown()) {
            stage.writer.instant(losses, Scope::thread, "session", "another session",
                                 stage.recorded, {});
        }
    }

    Stage stage;
    nst_session session{};
    TaskLives tasks;
    NsLives namespaces;
    // What is about no task or namespace, or about many.
    Track losses;
    Track doubt;
    Track found;
    std::uint64_t doubtful_since = 0;  // 0 = it is certain
    bool settled = true;               // who was there before this session and is not now is known
};

Perfetto::Perfetto(const World& world, const Checker& checker, PerfettoOptions options)
    : checker_(checker), options_(std::move(options)), parts_(std::make_unique<Parts>(world)) {
    parts_->stage.begin_ns = options_.begin_ns;
    parts_->stage.filtered = options_.filter.has_value();
}

Perfetto::~Perfetto() = default;

fmt::memory_buffer& Perfetto::out() {
    return parts_->stage.writer.out();
}

void Perfetto::take(const Event& event, const Change& change, std::uint64_t boot_ns) {
    Stage& stage = parts_->stage;
    stage.recorded = std::max(stage.recorded, boot_ns);
    stage.now = happens(event) ? event.boot_ns() : stage.recorded;
    if (stage.first_ns == 0) {
        stage.first_ns = parts_->doubtful_since = stage.now;
    }
    const bool wanted = nstrail::wanted(options_.filter, stage.besides, event, change);
    stream(event);
    // Whether somebody was there before tells how a switch came about.
    const std::string how = change.transition && change.task != nullptr && stage.shown() && wanted
                                ? how_switched(event, change)
                                : std::string();
    parts_->namespaces.take(event, change, wanted);
    parts_->tasks.take(event, change, wanted);
    if (stage.shown() && wanted && change.task != nullptr) {
        happened(event, *change.task);
        if (!how.empty()) {
            switched(event, change, how);
        }
    }
    if (!parts_->settled && stage.world.synchronized()) {
        parts_->settled = true;
        parts_->tasks.settle();
        parts_->namespaces.settle();
    } else if (change.became_certain || (event.kind() == NST_KIND_mark &&
                                         event.as<nst_mark>().what == NST_mark_what_holders_end)) {
        parts_->namespaces.settle();
    }
    remarks();
    if (event.kind() == NST_KIND_mark || event.kind() == NST_KIND_gap) {
        findings();
    }
}

/// Sessions, losses, and what they leave in doubt.
void Perfetto::stream(const Event& event) {
    Stage& stage = parts_->stage;
    if (event.kind() == NST_KIND_session) {
        const auto& session = event.as<nst_session>();
        const bool another = !continues(session, std::exchange(parts_->session, session));
        stage.session += another ? 1 : 0;
        if (another && stage.session > 1) {
            parts_->another_session();
        }
    }
    if (event.kind() == NST_KIND_gap) {
        const auto& gap = event.as<nst_gap>();
        const std::string_view cause = enum_name(Format::ENUM_gap_cause, gap.cause);
        stage.gap_ns = stage.recorded;
        if (stage.shown()) {
            TraceArgs args;
            args.number("lost", gap.lost);
            args.text("cause", cause);
            args.number("where", gap.where);
            stage.writer.instant(parts_->losses, Scope::global, "loss",
                                 fmt::format("{} events lost ({})", gap.lost, cause),
                                 stage.recorded, args);
        }
    }
    if (!stage.world.certain() && parts_->doubtful_since == 0) {
        parts_->doubtful_since = stage.recorded;
    } else if (stage.world.certain() && parts_->doubtful_since != 0) {
        const std::uint64_t since = std::exchange(parts_->doubtful_since, 0);
        if (stage.shown()) {
            stage.writer.slice(parts_->doubt, "doubt", "not certain",
                               std::max(since, stage.begin_ns), stage.recorded, {});
            stage.writer.instant(parts_->losses, Scope::global, "resync", "certain", stage.recorded,
                                 {});
        }
    }
}

/// What happens to a task besides what has a length.
void Perfetto::happened(const Event& event, const TaskRecord& task) {
    TraceArgs args;
    std::string name;
    switch (event.kind()) {
        case NST_KIND_task_exec: {
            const auto& e = event.as<nst_task_exec>();
            const std::string_view filename = text_of(e.filename, sizeof(e.filename));
            name = fmt::format("exec {}", filename.empty() ? task.name() : filename);
            args.text_if("filename", filename);
            args.text("comm", text_of(e.comm, sizeof(e.comm)));
            if (e.old_tid != e.task.tid) {
                args.number("old_tid", e.old_tid);
            }
            break;
        }
        case NST_KIND_task_rename:
            name = fmt::format("name {}", task.name());
            args.text("comm", task.name());
            break;
        case NST_KIND_exchange_tids:
            name = "takes the tid of its leader";
            args.number("old_tid", event.as<nst_exchange_tids>().task.tid);
            break;
        default:
            return;
    }
    if (const Track* row = parts_->tasks.row(task); row != nullptr) {
        parts_->stage.writer.instant(*row, Scope::thread, "task", name, parts_->stage.at(), args);
    }
}

/// How a task came into other namespaces; empty where that is none to show: it exits.
std::string Perfetto::how_switched(const Event& event, const Change& change) const {
    const auto by_what_is_there = [&] {
        return parts_->namespaces.how_switched(*change.transition, change.task->tid);
    };
    switch (event.kind()) {
        case NST_KIND_task_new:
            return "clone";
        case NST_KIND_task_exit:
            return {};
        case NST_KIND_cred_user_ns:
            return std::string(by_what_is_there());
        case NST_KIND_ns_switch: {
            const auto& e = event.as<nst_ns_switch>();
            if (e.after.nsproxy == 0) {
                return {};
            }
            return e.via == NST_switch_via_exec ? "exec" : std::string(by_what_is_there());
        }
        default:
            return "seen late";
    }
}

void Perfetto::switched(const Event& event, const Change& change, const std::string& how) {
    const Track* row = parts_->tasks.row(*change.task);
    if (row == nullptr) {
        return;
    }
    const Differences all = differences(*change.transition);
    TraceArgs args;
    args.text("how", how);
    args.json("before", "{" + all.before + "}");
    args.json("after", "{" + all.after + "}");
    args.flag("exact", change.transition->exact);
    if (event.kind() == NST_KIND_task_new) {
        args.text("clone_flags", fmt::format("{:#x}", event.as<nst_task_new>().clone_flags));
    }
    parts_->stage.writer.instant(*row, Scope::thread, "switch", how + ": " + all.names,
                                 parts_->stage.at(), args);
}

void Perfetto::remarks() {
    Stage& stage = parts_->stage;
    for (const Remark& remark : checker_.lookout().news()) {
        if (remark.at_boot_ns >= stage.begin_ns &&
            nstrail::wanted(options_.filter, stage.besides, remark)) {
            stage.writer.instant(parts_->found, Scope::thread, "notable",
                                 fmt::format("notable {}", notable_name(remark.what)),
                                 remark.at_boot_ns, about(remark));
        }
    }
}

void Perfetto::findings() {
    Stage& stage = parts_->stage;
    for (const Finding& finding : checker_.news()) {
        if (finding.at_boot_ns < stage.begin_ns ||
            !nstrail::wanted(options_.filter, stage.besides, finding)) {
            continue;
        }
        TraceArgs args = about(finding);
        args.text("rule", finding.rule);
        args.text("verdict", verdict_name(finding.verdict));
        args.text_if("why_unknown", finding.why_unknown);
        stage.writer.instant(parts_->found, Scope::thread, "finding",
                             fmt::format("{} {}", verdict_name(finding.verdict), finding.rule),
                             finding.at_boot_ns, args);
    }
}

void Perfetto::finish(bool whole) {
    Stage& stage = parts_->stage;
    findings();
    parts_->tasks.finish();
    parts_->namespaces.finish();
    if (parts_->doubtful_since != 0 && stage.recorded >= stage.begin_ns) {
        stage.writer.slice(parts_->doubt, "doubt", "not certain",
                           std::max(parts_->doubtful_since, stage.begin_ns), stage.recorded, {});
    }
    const nst_session& session = stage.world.session();
    const Account& account = stage.world.account();
    TraceArgs args;
    args.text("schema", "nstrail.perfetto/1");
    args.text("nstrail", options_.version);
    args.text_if("boot_id", text_of(session.boot_id, sizeof(session.boot_id)));
    args.text_if("release", text_of(session.release, sizeof(session.release)));
    args.text("clock", "boottime");
    args.number("wall_offset_ns", session.wall_offset_ns);
    const std::uint64_t begin = std::max(stage.first_ns, stage.begin_ns);
    args.number("begin_boot_ns", begin);
    args.number("end_boot_ns", stage.recorded);
    if (session.wall_offset_ns != 0) {
        args.text("begin", rfc3339(session.wall_offset_ns + begin));
        args.text("end", rfc3339(session.wall_offset_ns + stage.recorded));
    }
    args.number("events", sum(account.events));
    args.number("lost", sum(account.lost));
    args.number("gaps", sum(account.gaps));
    args.number("violations", checker_.findings().violations());
    args.number("unknown", checker_.findings().unknown());
    args.flag("certain", stage.world.certain());
    args.flag("whole", whole);
    stage.writer.close(args);
}

}  // namespace nstrail
