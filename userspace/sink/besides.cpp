// SPDX-License-Identifier: Apache-2.0
#include "sink/besides.hpp"

#include <iterator>

#include "base/text.hpp"
#include "event/format.hpp"
#include "sink/tree.hpp"

namespace nstrail {

void Besides::append(fmt::memory_buffer& out, const Event& event, const Change& change, bool json) {
    json ? append_json(out, event) : append_text(out, event);
    if (const TaskRecord* about = change.task != nullptr ? change.task : change.actor) {
        append_who(out, *about, json);
    }
    out.push_back('\n');
}

/// To an event's JSON object as its last member, or to its line of text.
void Besides::append_who(fmt::memory_buffer& out, const TaskRecord& task, bool json) {
    const Whereabouts* here = whereabouts(task);
    const std::string_view exe = world_.exe_of(task);
    if (json && (here != nullptr || !exe.empty())) {
        const auto or_null = [](std::string_view text) {
            return text.empty() ? std::string("null") : json_quote(text);
        };
        static const Whereabouts nowhere;
        const Whereabouts& who = here == nullptr ? nowhere : *here;
        out.resize(out.size() - 1);  // the closing brace
        fmt::format_to(std::back_inserter(out),
                       R"(,"who":{{"container":{},"runtime":{},"pod":{},"unit":{},"exe":{}}}}})",
                       or_null(who.container), or_null(who.runtime), or_null(who.pod),
                       or_null(who.unit), or_null(exe));
    } else if (!json && here != nullptr && !here->container.empty()) {
        fmt::format_to(std::back_inserter(out), "  [{}]", container_words(*here));
    }
}

const Whereabouts* Besides::parsed(const std::optional<std::string>& path) {
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
