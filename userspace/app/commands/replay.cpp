// SPDX-License-Identifier: Apache-2.0
#include "app/replay.hpp"

#include <cmath>
#include <csignal>
#include <thread>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/listen.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "app/printer.hpp"
#include "app/recorded_web.hpp"

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;

struct ReplayCommand {
    NotableChoice notable;
    std::string path;
    StreamPick pick;
    RangeChoice range;
    std::string speed = "max";
    FilterChoice filter;
    ListenChoice listen;
    bool serve = false;
    bool json = false;
};

/// Sleeps so that events come as far apart as they happened, divided by the speed.
class Pace {
public:
    explicit Pace(double speed) : speed_(speed) {}

    /// Before an event of that time is shown. `flush` is called before it sleeps.
    template <class F>
    void keep(std::uint64_t boot_ns, F&& flush) {
        if (speed_ == 0) {
            return;
        }
        if (first_ns_ == 0) {
            first_ns_ = boot_ns;
            started_ = Clock::now();
        }
        const auto passed = static_cast<double>(boot_ns - std::min(boot_ns, first_ns_)) / speed_;
        const auto due = started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(passed));
        // In pieces, so that a signal is answered.
        while (Clock::now() < due && !stop_requested()) {
            flush();
            std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(
                due - Clock::now(), std::chrono::milliseconds(100)));
        }
    }

private:
    double speed_;  // 0 = as fast as possible
    std::uint64_t first_ns_ = 0;
    Clock::time_point started_{};
};

Result<double> parse_speed(const std::string& text) {
    if (text == "max") {
        return 0;
    }
    char* end = nullptr;
    const double speed = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(speed) || speed <= 0) {
        return fail(fmt::format("replay at speed '{}'", text), "it is no number above 0",
                    "e.g. 1, 0.5, 10 or max");
    }
    return speed;
}

int serve(const ReplayCommand& given, const NotableOptions& notable) {
    auto web = given.listen.resolve();
    if (!web) {
        return complain(web.error(), exit_usage);
    }
    catch_signals();
    std::signal(SIGPIPE, SIG_IGN);  // a client that goes away is no reason to end
    auto source = RecordedWeb::open(given.path, notable);
    if (!source) {
        return complain(source.error());
    }
    fmt::print(stderr, "{}", (*source)->faults_text());
    web->rules = rules_json((*source)->hooks());
    auto server = WebServer::start(*web, **source);
    if (!server) {
        return complain(server.error());
    }
    fmt::print("nstrail: page {0}/  metrics {0}/metrics\n", (*server)->address());
    std::fflush(stdout);
    while (!stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return exit_ok;
}

int replay(ReplayCommand given) {
    auto name = given.pick.name(given.path);
    if (!name) {
        return complain(name.error(), exit_usage);
    }
    given.path = std::move(*name);
    const auto notable = given.notable.resolve();
    const auto speed = parse_speed(given.speed);
    if (!notable || !speed) {
        return complain(notable ? speed.error() : notable.error(), exit_usage);
    }
    if (given.serve) {
        return serve(given, *notable);
    }
    auto filter = given.filter.resolve();
    if (!filter) {
        return complain(filter.error(), exit_usage);
    }
    auto opened = Replay::open(given.path, *notable);
    if (!opened) {
        return complain(opened.error());
    }
    Replay& replay = **opened;
    const auto range = given.range.resolve(replay.clock());
    if (!range) {
        return complain(range.error(), exit_usage);
    }
    replay.limit(*range);
    catch_signals();
    Printer printer(replay.world(), replay.checker(), given.json, std::move(*filter));
    Pace pace(*speed);
    const auto show = [&](const Event& event, const Change& change) {
        // Before the beginning the model learns, and nothing is shown.
        if (replay.now() < range->begin_ns) {
            return;
        }
        pace.keep(replay.now(), [&] { printer.flush(); });
        printer.event(event, change);
        printer.news(event);
    };
    int code = exit_ok;
    while (!replay.ended() && !stop_requested()) {
        if (auto stepped = replay.step(show); !stepped) {
            code = complain(stepped.error());
            break;
        }
        printer.flush();
    }
    replay.finish();
    printer.findings();
    printer.flush();
    fmt::print(stderr, "{}nstrail: {}\n", replay.faults_text(), account_text(replay.follower()));
    return code;
}

}  // namespace

void add_replay(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "replay", "The events of a recording, through the rules and the model that serve live.");
    auto options = std::make_shared<ReplayCommand>();
    command->add_option("recording", options->path, stream_or_stdin_words)->required();
    command->add_flag("--json", options->json, "one JSON object per line");
    options->pick.add_to(*command);
    options->filter.add_to(*command);
    options->range.add_to(*command);
    command
        ->add_option("--speed", options->speed,
                     "how much faster than it happened, e.g. 1 or 0.5; max = as fast as possible")
        ->capture_default_str();
    options->notable.add_to(*command);
    auto* serving = command
                        ->add_option("--serve", options->listen.listen,
                                     "serve page and API over it, as the agent does live; "
                                     "ADDR:PORT, port 0 takes a free one")
                        ->expected(0, 1)
                        ->type_name("[ADDR:PORT]");
    options->listen.add_to(*command);
    for (const char* streamed : {"--json", "--filter", "--begin", "--end", "--speed"}) {
        serving->excludes(command->get_option(streamed));
    }
    command->callback([=, &run] {
        options->serve = serving->count() != 0;
        if (options->listen.listen.empty()) {
            options->listen.listen = ListenChoice::here;
        }
        run = [=] { return replay(*options); };
    });
}

}  // namespace nstrail
