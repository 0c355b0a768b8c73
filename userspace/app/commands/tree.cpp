// SPDX-License-Identifier: Apache-2.0
#include "sink/tree.hpp"

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/look.hpp"
#include "app/options.hpp"

namespace nstrail {

namespace {

int tree(const std::string& types, bool tasks, bool json) {
    auto chosen = parse_types(types);
    if (!chosen) {
        return complain(chosen.error(), exit_usage);
    }
    const auto look = look_once();
    if (!look) {
        return complain(look.error(), exit_unsupported);
    }
    const TreeOptions shown{.tasks = tasks, .types = std::move(*chosen), .note = look->note};
    if (json) {
        fmt::print("{}\n", tree_json(look->view, shown));
    } else {
        fmt::print("{}", tree_text(look->view, shown));
    }
    return exit_ok;
}

}  // namespace

void add_tree(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("tree", "The namespace hierarchy of this host, now.");
    auto types = std::make_shared<std::string>();
    auto tasks = std::make_shared<bool>(false);
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "one JSON document (nstrail.tree/1)");
    command->add_flag("--tasks", *tasks, "every task, too");
    command->add_option("--type", *types, "only these types, e.g. pid,user");
    command->callback([=, &run] { run = [=] { return tree(*types, *tasks, *json); }; });
}

}  // namespace nstrail
