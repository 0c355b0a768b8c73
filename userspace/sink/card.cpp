// SPDX-License-Identifier: Apache-2.0
#include "sink/card.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sink/tree.hpp"

namespace nstrail {

namespace {

/// `what`: "task" or "namespace"; `object`: it, as the tree has it.
std::string card(const View& view, std::string_view what, const std::string& object,
                 const std::optional<Story>& story) {
    return fmt::format(R"({{"schema":"nstrail.{}/1",{},"{}":{},"story":{},"story_cut":{}}})", what,
                       moment_json(view), what, object,
                       story ? fmt::format("[{}]", fmt::join(story->lines, ",")) : "null",
                       story ? story->cut : 0);
}

}  // namespace

std::string task_card_json(const View& view, const Task& task, const std::optional<Story>& story) {
    return card(view, "task", task_json(view, task), story);
}

std::string namespace_card_json(const View& view, const Namespace& ns,
                                const std::optional<Story>& story) {
    return card(view, "namespace", namespace_json(view, ns), story);
}

}  // namespace nstrail
