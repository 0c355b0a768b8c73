// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "rules/rule.hpp"
#include "source/libbpf_log.hpp"

namespace nstrail {

std::string rules_json(std::uint64_t hooks) {
    using nlohmann::ordered_json;
    ordered_json document = {{"schema", "nstrail.rules/1"}, {"rules", ordered_json::array()}};
    for (const Rule* rule : all_rules()) {
        ordered_json names = ordered_json::array();
        for (const nst_hook hook : rule->hooks) {
            names.push_back(hook_infos()[hook].name);
        }
        document["rules"].push_back({{"id", rule->id},
                                     {"statement", rule->statement},
                                     {"kernel", rule->kernel},
                                     {"exceptions", rule->exceptions},
                                     {"hooks", std::move(names)},
                                     {"uncheckable", uncheckable(*rule, hooks)}});
    }
    return document.dump();
}

namespace {

int rules(bool json) {
    std::uint64_t hooks = 0;
    // Without privileges nobody knows what could be attached here; the catalogue itself needs none.
    if (check_basics()) {
        capture_libbpf_log();
        if (const auto plan = probe_hooks({})) {
            hooks = plan->attached();
        }
    }
    if (json) {
        fmt::print("{}\n", rules_json(hooks));
        return exit_ok;
    }
    for (const Rule* rule : all_rules()) {
        fmt::print("{:<5} {}\n      by {}{}\n", rule->id, rule->statement, rule->kernel,
                   uncheckable(*rule, hooks) ? "  [cannot be checked here]" : "");
    }
    return exit_ok;
}

}  // namespace

void add_rules(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "rules", "The invariants of namespaces and tasks, and what it takes to check them.");
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "one JSON document");
    command->callback([=, &run] { run = [=] { return rules(*json); }; });
}

}  // namespace nstrail
