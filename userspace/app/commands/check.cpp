// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/replay.hpp"
#include "sink/findings.hpp"

namespace nstrail {

namespace {

struct Given {
    std::string path;
    StreamPick pick;
    bool json = false;
    NotableChoice notable;
};

int check(const Given& given) {
    const auto& path = given.path;
    const auto notable = given.notable.resolve();
    if (!notable) {
        return complain(notable.error(), exit_usage);
    }
    const auto name = given.pick.name(path);
    if (!name) {
        return complain(name.error(), exit_usage);
    }
    auto opened = Replay::open(*name, *notable);
    if (!opened) {
        return complain(opened.error());
    }
    Replay& replay = **opened;
    std::optional<Error> fault;
    if (auto done = replay.run(); !done) {
        fault = done.error();
    }
    replay.finish();
    fmt::print(stderr, "{}", replay.faults_text());
    const World& world = replay.world();
    const Checker& checker = replay.checker();
    const Findings& findings = checker.findings();
    const std::size_t alive = world.view().namespace_count();
    const Notices& notices = checker.lookout().notices();
    if (given.json) {
        fmt::print("{}\n", check_json(findings, notices, world.account(), alive));
    } else {
        fmt::print("{}", check_text(findings, notices, world.account(), alive));
    }
    // What was found ahead of the fault stands.
    if (fault && findings.violations() == 0) {
        return complain(*fault);
    }
    if (fault) {
        complain(*fault);
    }
    if (replay.verdict() != exit_violations && (!replay.told() || !world.synchronized())) {
        return complain({.what = "check " + path,
                         .why = replay.told() ? "its first snapshot is not complete"
                                              : "it does not say which hooks it was made with",
                         .next = "write one with `nstrail record`, or `nstrail live --json --all`"},
                        exit_unsupported);
    }
    return replay.verdict();
}

}  // namespace

void add_check(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("check",
                                       "Holds a recording, or a written stream, against the rules. "
                                       "Exits with 3 if the kernel broke one, with 4 "
                                       "if events that were lost leave it undecided.");
    auto given = std::make_shared<Given>();
    command->add_option("stream", given->path, stream_or_stdin_words)->required();
    command->add_flag("--json", given->json, "one JSON document");
    given->pick.add_to(*command);
    given->notable.add_to(*command);
    command->callback([=, &run] { run = [=] { return check(*given); }; });
}

}  // namespace nstrail
