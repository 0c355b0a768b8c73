// SPDX-License-Identifier: Apache-2.0
#include "app/printer.hpp"

#include <cstdio>

#include "app/follow.hpp"
#include "base/text.hpp"
#include "event/format.hpp"
#include "sink/findings.hpp"
#include "sink/tree.hpp"

namespace nstrail {

void Printer::event(const Event& event, const Change& change) {
    json_ ? append_json(out_, event) : append_text(out_, event);
    if (const TaskRecord* about = change.task != nullptr ? change.task : change.actor) {
        besides(*about);
    }
    out_.push_back('\n');
}

void Printer::news(const Event& event, const Wanted& wanted) {
    if (synthesized(event)) {
        return;  // the event that proved it has had its news
    }
    for (const Remark& remark : checker_.lookout().news()) {
        if (!wanted || wanted(remark.task, remark.ns_inum)) {
            out_.append(json_ ? remark_json(remark) + "\n" : remark_text(remark));
        }
    }
    if (event.kind() == NST_KIND_mark || event.kind() == NST_KIND_gap) {
        findings(wanted);
    }
}

void Printer::findings(const Wanted& wanted) {
    for (const Finding& finding : checker_.news()) {
        if (!wanted || wanted(finding.task, finding.ns_inum)) {
            out_.append(json_ ? finding_json(finding) + "\n" : finding_text(finding));
        }
    }
}

void Printer::flush() {
    if (out_.size() != 0) {
        std::fwrite(out_.data(), 1, out_.size(), stdout);
        std::fflush(stdout);
        out_.clear();
    }
}

/// Appended to an event's JSON object as its last member, or to its line of text.
void Printer::besides(const TaskRecord& task) {
    const Whereabouts* here = whereabouts(task);
    const std::string_view exe = world_.exe_of(task);
    if (json_ && (here != nullptr || !exe.empty())) {
        const auto or_null = [](std::string_view text) {
            return text.empty() ? std::string("null") : json_quote(text);
        };
        static const Whereabouts nowhere;
        const Whereabouts& who = here == nullptr ? nowhere : *here;
        out_.resize(out_.size() - 1);  // the closing brace
        fmt::format_to(std::back_inserter(out_),
                       R"(,"who":{{"container":{},"runtime":{},"pod":{},"unit":{},"exe":{}}}}})",
                       or_null(who.container), or_null(who.runtime), or_null(who.pod),
                       or_null(who.unit), or_null(exe));
    } else if (!json_ && here != nullptr && !here->container.empty()) {
        fmt::format_to(std::back_inserter(out_), "  [{}]", container_words(*here));
    }
}

const Whereabouts* Printer::whereabouts(const TaskRecord& task) {
    const auto path = world_.cgroup_of(task);
    if (!path) {
        return nullptr;
    }
    // Containers come and go; their paths need not be kept for ever.
    if (by_path_.size() > 4096) {
        by_path_.clear();
    }
    const auto [at, added] = by_path_.try_emplace(*path);
    if (added) {
        at->second = parse_cgroup_path(*path);
    }
    return &at->second;
}

}  // namespace nstrail
