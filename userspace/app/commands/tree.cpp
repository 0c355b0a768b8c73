// SPDX-License-Identifier: Apache-2.0
#include "sink/tree.hpp"

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/look.hpp"
#include "app/options.hpp"

namespace nstrail {

namespace {

struct TreeCommand {
    StreamPick pick;
    std::string types;
    std::string from;
    std::string at;
    bool tasks = false;
    bool json = false;
};

int tree(const TreeCommand& given) {
    auto chosen = parse_types(given.types);
    if (!chosen) {
        return complain(chosen.error(), exit_usage);
    }
    if (given.from.empty() && !given.at.empty()) {
        return complain({.what = "tell what was at " + given.at,
                         .why = "this host is known as it is now only",
                         .next = "give a recording with --from"},
                        exit_usage);
    }
    const auto name = given.pick.name(given.from);
    if (!name) {
        return complain(name.error(), exit_usage);
    }
    const auto look = given.from.empty() ? look_once() : look_back(*name, given.at);
    if (!look) {
        return complain(look.error(), given.from.empty() ? exit_unsupported : exit_failure);
    }
    const TreeOptions shown{.tasks = given.tasks, .types = std::move(*chosen), .note = look->note};
    if (given.json) {
        fmt::print("{}\n", tree_json(look->view, shown));
    } else {
        fmt::print("{}", tree_text(look->view, shown));
    }
    return exit_ok;
}

}  // namespace

void add_tree(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "tree", "The namespace hierarchy of this host, now, or at any time of a recording.");
    auto given = std::make_shared<TreeCommand>();
    command->add_flag("--json", given->json, "one JSON document (nstrail.tree/1)");
    command->add_flag("--tasks", given->tasks, "every task, too");
    command->add_option("--type", given->types, "only these types, e.g. pid,user");
    command->add_option("--from", given->from, stream_words);
    given->pick.add_to(*command);
    command->add_option("--at", given->at,
                        "when: a time as RFC 3339 has it, +10s from the start, or boottime in "
                        "nanoseconds; else the end");
    command->callback([=, &run] { run = [=] { return tree(*given); }; });
}

}  // namespace nstrail
