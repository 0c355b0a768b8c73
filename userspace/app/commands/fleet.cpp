// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "app/ship_log.hpp"
#include "record/shelf.hpp"
#include "sink/shipper.hpp"

namespace nstrail {

namespace {

struct ShipCommand {
    ShipChoice choice;
    std::string path;
    std::string duration;
};

/// What a directory holds, until all of it is acknowledged.
int ship(const ShipCommand& given) {
    const auto options = given.choice.resolve(given.path);
    const auto limit = parse_limit(given.duration);
    if (!options || !limit) {
        return complain(options ? limit.error() : options.error(), exit_usage);
    }
    if (auto boots = list_boots(given.path); !boots) {
        return complain(boots.error());
    }
    catch_signals();
    Shipper shipper(*options);
    ShipLog log;
    const auto started = std::chrono::steady_clock::now();
    bool done = false;
    while (!done && !stop_requested() &&
           !(*limit && std::chrono::steady_clock::now() - started >= **limit)) {
        done = shipper.finish(std::chrono::milliseconds(100));
        log.look(shipper.figures());
    }
    log.closed(shipper.figures());
    return done ? exit_ok : exit_failure;
}

}  // namespace

void add_fleet(CLI::App& app, Run& run) {
    auto* fleet = app.add_subcommand(
        "fleet", "Recordings of many hosts in one stream of NATS JetStream (docs/FLEET.md).");
    fleet->require_subcommand(1);
    auto* command = fleet->add_subcommand(
        "ship", "Ships what a recorder's directory holds, and is not shipped yet, and ends.");
    auto given = std::make_shared<ShipCommand>();
    command
        ->add_option(
            "url", given->choice.url,
            "nats://HOST:PORT[,HOST:PORT…][/STREAM][?creds=FILE&ca=FILE&cert=FILE&key=FILE]")
        ->required();
    command->add_option("dir", given->path, "the directory that `nstrail record` wrote to")
        ->required();
    given->choice.add_to(*command);
    command->add_option("--for", given->duration, "give up after this time, e.g. 10s");
    command->callback([=, &run] { run = [=] { return ship(*given); }; });
}

}  // namespace nstrail
