// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "rules/checker.hpp"
#include "sink/findings.hpp"
#include "source/script.hpp"

namespace nstrail {

namespace {

struct Given {
    std::string path;
    bool json = false;
    NotableChoice notable;
};

int check(const Given& given) {
    const auto& path = given.path;
    const auto notable = given.notable.resolve();
    if (!notable) {
        return complain(notable.error(), exit_usage);
    }
    auto source = ScriptSource::open(path == "-" ? "/dev/stdin" : path);
    if (!source) {
        return complain(source.error());
    }
    World world;
    Checker checker(world, *notable);
    std::optional<Error> fault;
    bool told = false;
    while (!(*source)->ended()) {
        const auto polled = (*source)->poll([&](const Event& event) {
            told = told || event.kind() == NST_KIND_session;
            checker.apply(event);
        });
        if (!polled) {
            fault = polled.error();
        }
    }
    checker.finish();
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
    if (findings.violations() != 0) {
        return exit_violations;
    }
    if (!told || !world.synchronized()) {
        return complain({.what = "check " + path,
                         .why = told ? "its first snapshot is not complete"
                                     : "it does not say which hooks it was made with",
                         .next = "write one with `nstrail live --json --all`"},
                        exit_unsupported);
    }
    return findings.unknown() != 0 ? exit_unsupported : exit_ok;
}

}  // namespace

void add_check(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "check",
        "Holds a written stream against the rules. Exits with 3 if the kernel broke one, with 4 "
        "if events that were lost leave it undecided.");
    auto given = std::make_shared<Given>();
    command
        ->add_option("stream", given->path,
                     "what `nstrail live --json --all` printed, a file; - is stdin")
        ->required();
    command->add_flag("--json", given->json, "one JSON document");
    given->notable.add_to(*command);
    command->callback([=, &run] { run = [=] { return check(*given); }; });
}

}  // namespace nstrail
