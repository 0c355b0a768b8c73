// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <fmt/format.h>

#include "app/child.hpp"
#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/pin.hpp"
#include "app/pipeline.hpp"
#include "app/recording_log.hpp"

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;

struct RecordCommand {
    TraceOptions trace;
    RecordChoice choice;
    PinChoice pin;
    std::string path;
    std::string duration;
    std::vector<std::string> command;
};

int record(const RecordCommand& given) {
    auto options = given.trace.resolve();
    const auto writer = given.choice.resolve(given.path);
    if (!options || !writer) {
        return complain(options ? writer.error() : options.error(), exit_usage);
    }
    const auto limit = parse_limit(given.duration);
    if (!limit) {
        return complain(limit.error(), exit_usage);
    }
    catch_signals();
    options->pins = given.pin.path;
    auto source = LiveSource::open(*options);
    if (!source) {
        return complain(source.error(), exit_unsupported);
    }
    given.pin.tell(**source);
    Pipeline pipeline(std::move(*source));
    pipeline.keep_holders();
    pipeline.record(*writer);
    std::optional<Child> child;
    if (!given.command.empty()) {
        auto started = Child::start(given.command);
        if (!started) {
            return complain(started.error());
        }
        child.emplace(std::move(*started));
    }
    if (auto done = pipeline.synchronize(std::chrono::seconds(30)); !done) {
        return complain(done.error());
    }
    RecordingLog log;
    log.opened(*pipeline.writer(), given.path);
    if (child) {
        if (auto released = child->release(given.command.front()); !released) {
            return complain(released.error(), 127);
        }
    }
    const auto until = *limit ? Clock::now() + **limit : Clock::time_point::max();
    int code = exit_ok;
    while (!stop_requested() && Clock::now() < until && !(child && child->ended())) {
        if (auto stepped = pipeline.step(); !stepped) {
            code = complain(stepped.error());
            break;
        }
        log.look(*pipeline.writer());
        std::this_thread::sleep_for(std::min(pipeline.pause(), std::chrono::milliseconds(20)));
    }
    if (auto finished = pipeline.finish(); !finished && code == exit_ok) {
        code = complain(finished.error());
    }
    const bool whole = log.closed(pipeline.close_recording());
    fmt::print(stderr, "nstrail: {}\n", account_text(pipeline.follower()));
    if (!whole && code == exit_ok) {
        code = exit_failure;
    }
    if (code == exit_ok) {
        pipeline.hand_over();
    }
    return child && child->ended() && code == exit_ok ? child->status() : code;
}

}  // namespace

void add_record(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "record", "The flight recorder: keeps the latest of what happens on this host in DIR.");
    auto options = std::make_shared<RecordCommand>();
    command->add_option("dir", options->path, "the directory; made if it is not there")->required();
    options->choice.add_to(*command);
    command->add_option("--for", options->duration, "end after this time, e.g. 10s");
    options->pin.add_to(*command);
    options->trace.add_to(*command);
    command->add_option("command", options->command,
                        "a command to run; the recording ends with it, after --");
    command->callback([=, &run] { run = [=] { return record(*options); }; });
}

}  // namespace nstrail
