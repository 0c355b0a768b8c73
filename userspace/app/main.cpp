// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "source/canary.hpp"

int main(int argc, char** argv) {
    if (argc > 0 && std::string_view(argv[0]) == nstrail::canary_name) {
        return 0;
    }
    try {
        CLI::App app{"Traces the lives of Linux namespaces and tasks."};
        app.set_version_flag("--version", "nstrail " NSTRAIL_VERSION);
        app.require_subcommand(1);
        app.failure_message([](const CLI::App* command, const CLI::Error& error) {
            return "nstrail: " + std::string(error.what()) + "; see " + command->get_name() +
                   " --help\n";
        });
        app.name("nstrail");
        nstrail::Run run;
        nstrail::add_doctor(app, run);
        nstrail::add_live(app, run);
        nstrail::add_tree(app, run);
        nstrail::add_why(app, run);
        nstrail::add_top(app, run);
        nstrail::add_agent(app, run);
        nstrail::add_record(app, run);
        nstrail::add_replay(app, run);
        nstrail::add_diff(app, run);
        nstrail::add_story(app, run);
        nstrail::add_check(app, run);
        nstrail::add_export(app, run);
        nstrail::add_fleet(app, run);
        nstrail::add_rules(app, run);
        nstrail::add_pidvec(app, run);
        nstrail::add_spawn(app, run);
        try {
            app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return app.exit(error) == 0 ? nstrail::exit_ok : nstrail::exit_usage;
        }
        return run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "nstrail: %s\n", error.what());
        return nstrail::exit_failure;
    }
}
