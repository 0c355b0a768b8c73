// SPDX-License-Identifier: Apache-2.0
#include "sink/why.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "model/who.hpp"
#include "sink/json_words.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

using nlohmann::ordered_json;

ordered_json hold_json(const Hold& hold, Who& who) {
    ordered_json out = {{"kind", hold_kind_name(hold.kind)}};
    if (hold.tid != 0) {
        ordered_json task = {{"tid", hold.tid}, {"comm", nullptr}};
        if (hold.task) {
            const Whereabouts* here = who.of(*hold.task);
            task["comm"] = text_json(hold.task->comm());
            task["exe"] = text_json(hold.task->exe());
            task["start_boottime_ns"] = hold.task->start_boottime_ns();
            task["container"] = text_json(here == nullptr ? "" : here->container);
            task["unit"] = text_json(here == nullptr ? "" : here->unit);
        }
        out["task"] = std::move(task);
    }
    switch (hold.kind) {
        case HoldKind::file:
        case HoldKind::pidfd:
        case HoldKind::socket:
            out["fd"] = hold.fd;
            break;
        case HoldKind::mount:
            out["path"] = text_json(hold.path);
            out["mount_namespace"] = hold.ns ? ordered_json(hold.ns->inum()) : ordered_json();
            break;
        case HoldKind::child:
        case HoldKind::owned:
            out["namespace"] = name_json(*hold.ns);
            break;
        default:
            break;
    }
    return out;
}

std::vector<std::string> doubts_of(const Why& why, const std::string& note) {
    std::vector<std::string> doubts = why.doubts;
    if (!note.empty()) {
        doubts.push_back(note);
    }
    return doubts;
}

}  // namespace

std::string hold_words(const Hold& hold) {
    std::string who =
        hold.tid == 0
            ? std::string()
            : fmt::format("{} ({})", hold.task ? printable(hold.task->comm()) : "gone since",
                          hold.tid);
    switch (hold.kind) {
        case HoldKind::task:
            return who;
        case HoldKind::zombie:
            return who + ", a zombie";
        case HoldKind::for_children:
            return "the next child of " + who;
        case HoldKind::child:
            return fmt::format("{}:[{}] below it", type_name(hold.ns->type()), hold.ns->inum());
        case HoldKind::owned:
            return fmt::format("{}:[{}], which it owns", type_name(hold.ns->type()),
                               hold.ns->inum());
        case HoldKind::file:
            return fmt::format("fd {} of {}", hold.fd, who);
        case HoldKind::pidfd:
            return fmt::format("pidfd {} of {}", hold.fd, who);
        case HoldKind::socket:
            return fmt::format("socket {} of {}", hold.fd, who);
        case HoldKind::mount:
            return fmt::format("mount {} in mnt:[{}]", printable(hold.path),
                               hold.ns ? std::to_string(hold.ns->inum()) : "?");
    }
    __builtin_unreachable();
}

std::string why_json(const View& view, const Namespace& ns, const std::string& note) {
    const Why why = why_of(view, ns);
    Who who(view);
    ordered_json holders = ordered_json::array();
    for (const Hold& hold : why.holds) {
        holders.push_back(hold_json(hold, who));
    }
    const auto doubts = doubts_of(why, note);
    const auto or_null = [](const auto& value) {
        return value ? ordered_json(*value) : ordered_json();
    };
    const ordered_json document = {{"schema", "nstrail.why/1"},
                                   {"namespace", name_json(ns)},
                                   {"state", ns_state_name(ns.state())},
                                   {"at_boot_ns", view.at_boot_ns()},
                                   {"looked_at_boot_ns", or_null(why.looked_at_boot_ns)},
                                   {"references", or_null(why.references)},
                                   {"complete", doubts.empty()},
                                   {"doubts", doubts},
                                   {"holders", std::move(holders)}};
    return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string why_text(const View& view, const Namespace& ns, const std::string& note) {
    const Why why = why_of(view, ns);
    Who who(view);
    const NsRecord& record = ns.record();
    std::string out =
        fmt::format("{}:[{}]  {}", type_name(ns.type()), ns.inum(), ns_state_name(ns.state()));
    if (ns.state() == NsState::empty && record.emptied_ns != 0) {
        out += " for " + duration(view.at_boot_ns() - record.emptied_ns);
    }
    if (record.born && record.creator_tid != 0) {
        out += fmt::format(", made by {} ({})", printable(text_of(record.creator_comm.data(), 16)),
                           record.creator_tid);
    }
    if (why.references) {
        out += fmt::format(", {} reference{}", *why.references, *why.references == 1 ? "" : "s");
    }
    out += why.holds.empty() ? "\nnothing that can be seen holds it\n" : "\nheld by\n";
    for (const Hold& hold : why.holds) {
        out += fmt::format("  {:<12}  {}", hold_kind_name(hold.kind), hold_words(hold));
        if (hold.task) {
            const Whereabouts* here = who.of(*hold.task);
            if (here != nullptr && !here->container.empty()) {
                out += "  " + container_words(*here);
            } else if (here != nullptr && !here->unit.empty()) {
                out += "  " + printable(here->unit);
            }
        }
        out += '\n';
    }
    for (const std::string& doubt : doubts_of(why, note)) {
        out += "note: " + printable(doubt) + '\n';
    }
    return out;
}

}  // namespace nstrail
