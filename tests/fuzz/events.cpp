// SPDX-License-Identifier: Apache-2.0
// Any bytes as records of the ring, through the model, the rules and what readers are shown.
#include <optional>

#include <nlohmann/json.hpp>

#include "fuzz/fuzz.hpp"
#include "fuzz/records.hpp"
#include "model/keyframe.hpp"
#include "model/world.hpp"
#include "rules/checker.hpp"
#include "sink/findings.hpp"
#include "sink/tree.hpp"
#include "support/adds_up.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

// JSON and text of each event would take longer than all the rest.
constexpr std::size_t forms_checked = 4;

void require_json(const std::string& text) {
    require(nlohmann::json::accept(text), "what is written for programs is JSON");
}

std::string tree_of(const View& view) {
    std::string tree = tree_json(view, {.tasks = true, .types = {}, .note = {}});
    require_json(tree);
    require(!tree_text(view, {.tasks = true, .types = {}, .note = {}}).empty(),
            "a tree has a text");
    const auto agrees = test::adds_up(view);
    require(static_cast<bool>(agrees), agrees.message());
    return tree;
}

/// The hierarchy and what was found, all as readers see it.
std::string outcome(const std::vector<EventBuffer>& records) {
    World world;
    Checker checker(world);
    std::string all;
    std::uint64_t remarks = 0;
    for (const EventBuffer& record : records) {
        checker.apply(*record.event());
        for (const Finding& finding : checker.news()) {
            all += finding_json(finding) + '\n';
            require_json(finding_json(finding));
            require(!finding_text(finding).empty(), "a finding has a text");
        }
        for (const Remark& remark : checker.lookout().news()) {
            remarks++;
            require_json(remark_json(remark));
        }
    }
    checker.finish();
    require(sum(world.account().events) == records.size(), "each event is counted once");
    require(sum(checker.lookout().notices().counts) == remarks, "each remark is counted once");
    // Another session may lack the hooks of the one before it.
    const bool one_session = world.account().events[NST_KIND_session] <= 1;
    for (const RuleCount& rule : checker.findings().rules) {
        require(!one_session || !rule.uncheckable || rule.violations + rule.unknown == 0,
                "what cannot be checked finds nothing");
    }
    const View view = world.view();
    const std::string checked = check_json(checker.findings(), checker.lookout().notices(),
                                           world.account(), view.namespaces().size());
    require_json(checked);
    all += tree_of(view) + checked;
    if (world.synchronized() && !world.in_round()) {
        World other;
        std::size_t told = 0;
        tell_keyframe(view, [&](const EventBuffer& event) {
            const auto decoded = event.event();
            require(decoded.has_value(), "a keyframe is made of events");
            other.apply(*decoded);
            told++;
        });
        require(sum(other.account().events) == told, "each event of a keyframe is counted once");
        require(other.synchronized(), "a keyframe is a whole snapshot");
        require(other.task_count() == world.task_count(), "a keyframe tells each task");
        tree_of(other.view());
    }
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto records = fuzz::records_in(fuzz::as_bytes(data, size));
    for (std::size_t i = 0; i < records.size(); i++) {
        const auto event = *records[i].event();
        if (i < forms_checked || event.header().seq % 64 == 0) {
            fuzz::check_forms(event);
        }
    }
    require(outcome(records) == outcome(records), "the same events lead to the same outcome");
    return 0;
}
