// SPDX-License-Identifier: Apache-2.0
#include "sink/diff.hpp"

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/look.hpp"
#include "app/options.hpp"

namespace nstrail {

namespace {

struct DiffCommand {
    std::string from;
    std::vector<std::string> at;
    bool json = false;
};

int diff(const DiffCommand& given) {
    if (given.at.size() != 2) {
        return complain({.what = "compare two moments",
                         .why = fmt::format("--at is given {} times", given.at.size()),
                         .next = "e.g. --at +10s --at +20s"},
                        exit_usage);
    }
    const auto before = look_back(given.from, given.at[0]);
    const auto after = before ? look_back(given.from, given.at[1]) : before;
    if (!after) {
        return complain(after.error());
    }
    fmt::print("{}", given.json ? diff_json(before->view, after->view) + "\n"
                                : diff_text(before->view, after->view));
    return exit_ok;
}

}  // namespace

void add_diff(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "diff", "Namespaces and tasks that came, went or moved between two times of a recording.");
    auto given = std::make_shared<DiffCommand>();
    command->add_option("recording", given->from, stream_words)->required();
    command
        ->add_option("--at", given->at,
                     "twice: a time as RFC 3339 has it, +10s from the start, or boottime in "
                     "nanoseconds")
        ->required()
        ->allow_extra_args(false);
    command->add_flag("--json", given->json, "one JSON document (nstrail.diff/1)");
    command->callback([=, &run] { run = [=] { return diff(*given); }; });
}

}  // namespace nstrail
