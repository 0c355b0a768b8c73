// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each adds its options to a CLI11 subcommand and sets what runs when it is
// chosen.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "source/hooks.hpp"

namespace nstrail {

/// What the chosen command is to do; returns the exit code.
using Run = std::function<int()>;

void add_doctor(CLI::App& app, Run& run);
void add_live(CLI::App& app, Run& run);
void add_tree(CLI::App& app, Run& run);
void add_top(CLI::App& app, Run& run);
void add_agent(CLI::App& app, Run& run);
void add_rules(CLI::App& app, Run& run);
void add_pidvec(CLI::App& app, Run& run);
void add_why(CLI::App& app, Run& run);
void add_spawn(CLI::App& app, Run& run);
void add_check(CLI::App& app, Run& run);
void add_record(CLI::App& app, Run& run);
void add_replay(CLI::App& app, Run& run);
void add_diff(CLI::App& app, Run& run);
void add_story(CLI::App& app, Run& run);
void add_fleet(CLI::App& app, Run& run);
void add_export(CLI::App& app, Run& run);

/// The documents nstrail.doctor/1 and nstrail.rules/1, for the command line and the API alike.
[[nodiscard]] std::string doctor_json(const HookPlan& plan);
[[nodiscard]] std::string rules_json(std::uint64_t hooks);

}  // namespace nstrail
