// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/confine.hpp"
#include "app/hidden.hpp"
#include "app/listen.hpp"
#include "app/notify.hpp"
#include "app/options.hpp"
#include "app/pin.hpp"
#include "app/pipeline.hpp"
#include "app/recording_log.hpp"
#include "app/ship_log.hpp"
#include "app/web_story.hpp"
#include "event/reflect.hpp"
#include "record/format.hpp"
#include "sink/besides.hpp"
#include "sink/event_feed.hpp"
#include "sink/findings.hpp"
#include "sink/shipper.hpp"
#include "sink/tree.hpp"
#include "sink/web.hpp"
#include "sink/web_live.hpp"

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;

// All are counted and served; a log that repeats itself helps nobody.
constexpr std::uint64_t findings_logged = 20;

// A cluster that chooses another leader is no reason to be unready.
constexpr std::chrono::seconds stuck_after{10};
// At the end what was recorded last is shipped too, if it takes no longer; else the next agent
// does.
constexpr std::chrono::seconds last_shipping{5};

/// Draws the hierarchy over the last drawing, cut to the size of the terminal.
void draw(const View& view, const std::string& address, const std::string& note) {
    winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    std::string out = "\033[H";
    int rows = size.ws_row - 1;
    std::istringstream lines(
        fmt::format("nstrail  {}  {} tasks, {} namespaces, {} lost\n\n{}", address,
                    view.task_count(), view.namespace_count(), view.lost(),
                    tree_text(view, {.tasks = false, .types = {}, .note = note})));
    for (std::string line; rows > 0 && std::getline(lines, line); rows--) {
        // Columns are counted in characters: continuation bytes of UTF-8 take no room.
        std::size_t columns = 0;
        std::size_t at = 0;
        for (; at < line.size(); at++) {
            const bool starts = (static_cast<unsigned char>(line[at]) & 0xC0) != 0x80;
            if (starts && ++columns > size.ws_col) {
                break;
            }
        }
        out += line.substr(0, at) + "\033[K\n";
    }
    out += "\033[J";
    std::fputs(out.c_str(), stdout);
    std::fflush(stdout);
}

/// The log says when events were lost and when a snapshot has made up for it.
void tell_doubt(const Event& event, const Change& change) {
    if (change.became_uncertain && event.kind() == NST_KIND_gap) {
        const auto& gap = event.as<nst_gap>();
        fmt::print(stderr, "nstrail: {} events lost ({}); taking a snapshot to make up for it\n",
                   gap.lost, enum_name(Format::ENUM_gap_cause, gap.cause));
    } else if (change.became_certain) {
        fmt::print(stderr, "nstrail: certain: a snapshot is complete and nothing was lost since\n");
    }
}

/// And what the rules found, the first few of each kind.
void log_findings(const Checker& checker) {
    for (const Finding& finding : checker.news()) {
        const auto rule = std::ranges::find(checker.findings().rules, finding.rule, &RuleCount::id);
        if (rule->violations + rule->unknown <= findings_logged) {
            fmt::print(stderr, "nstrail: {}", finding_text(finding));
        }
    }
}

void log_remarks(const Lookout& lookout) {
    for (const Remark& remark : lookout.news()) {
        if (lookout.notices().counts[static_cast<std::size_t>(remark.what)] <= findings_logged) {
            fmt::print(stderr, "nstrail: {}", remark_text(remark));
        }
    }
}

/// What is shipped besides; /readyz says no where that has been stuck for a while.
void note_shipping(Publication& made, const ShipFigures& figures) {
    made.source.shipping = figures;
    if (made.unready.empty() && figures.stuck >= stuck_after) {
        made.unready =
            fmt::format("not shipping for {} s: {}", figures.stuck.count(), figures.fault);
    }
}

/// As a SIGHUP asks for: another chunk of the recording, so that what was recorded so far can be
/// taken away, and what the files of the options say now.
void reload(Pipeline& pipeline, WebServer& server, ServiceManager& manager) {
    manager.reloading();
    pipeline.rotate();
    if (auto read = server.reload(); read) {
        fmt::print(stderr, "nstrail: read certificates and token again{}\n",
                   pipeline.writer() != nullptr ? "; a new chunk begins" : "");
    } else {
        fmt::print(stderr, "nstrail: {}; what was read before stays\n", read.error().line());
    }
    manager.reloaded();
}

/// For the service manager: from when on it does its work, and how that goes.
void tell_manager(ServiceManager& manager, const World& world) {
    manager.alive();
    if (!world.synchronized()) {
        return;
    }
    manager.ready();
    manager.status(world.certain() ? "follows this host"
                                   : "events were lost; taking a snapshot to make up for it");
}

/// Where in that directory this boot is recorded.
std::string recorded_path(const std::string& directory) {
    std::string boot_id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot_id;
    return fmt::format("{}/{}{}", directory, boot_prefix, boot_id);
}

struct AgentOptions {
    TraceOptions trace;
    NotableChoice notable;
    RecordChoice recording;
    std::string record;
    ShipChoice ship;
    ListenChoice listen;
    ConfineChoice confine;
    PinChoice pin;
    bool tree = false;
    std::string duration;
};

int agent(const AgentOptions& given) {
    auto options = given.trace.resolve();
    if (!options) {
        return complain(options.error(), exit_usage);
    }
    const auto notable = given.notable.resolve();
    if (!notable) {
        return complain(notable.error(), exit_usage);
    }
    std::optional<WriterOptions> writer;
    if (!given.record.empty()) {
        const auto resolved = given.recording.resolve(given.record);
        if (!resolved) {
            return complain(resolved.error(), exit_usage);
        }
        writer = *resolved;
    }
    std::optional<ShipOptions> shipping;
    if (!given.ship.url.empty()) {
        if (!writer) {
            return complain({.what = "ship what is recorded",
                             .why = "nothing is",
                             .next = "give a directory with --record"},
                            exit_usage);
        }
        auto resolved = given.ship.resolve(given.record);
        if (!resolved) {
            return complain(resolved.error(), exit_usage);
        }
        shipping = std::move(*resolved);
        writer->store.keep_unshipped = true;
    }
    auto web = given.listen.resolve();
    if (!web) {
        return complain(web.error(), exit_usage);
    }
    const auto limit = parse_limit(given.duration);
    if (!limit) {
        return complain(limit.error(), exit_usage);
    }
    const auto until = *limit ? Clock::now() + **limit : Clock::time_point::max();
    ServiceManager manager;
    catch_signals();
    // That of a terminal says that it was closed, and who looked has gone.
    if (isatty(STDOUT_FILENO) == 0) {
        catch_reload();
    }
    std::signal(SIGPIPE, SIG_IGN);  // a client that goes away is no reason to end
    options->pins = given.pin.path;
    auto source = LiveSource::open(*options);
    if (!source) {
        return complain(source.error(), exit_unsupported);
    }
    given.pin.tell(**source);
    const auto confined = confine(given.confine, **source);
    if (!confined) {
        return complain(confined.error());
    }
    Pipeline pipeline(std::move(*source), *notable);
    pipeline.keep_holders();
    RecordingLog recording;
    bool recording_told = false;
    if (writer) {
        pipeline.record(*writer);
    }
    const HookPlan& plan = pipeline.source().plan();
    web->doctor = doctor_json(plan);
    web->rules = rules_json(plan.working());
    ViewBoard board;
    EventFeed feed;
    Besides besides(pipeline.world());
    std::optional<WebStories> stories;
    if (writer) {
        stories.emplace(recorded_path(given.record), *notable);
    }
    LiveWeb served(board, feed, stories ? &*stories : nullptr);
    auto server = WebServer::start(*web, served);
    if (!server) {
        return complain(server.error());
    }
    const std::string address = (*server)->address();
    fmt::print("nstrail: page {}/  metrics {}/metrics\n", address, address);
    if (plan.mode() == NST_attach_mode_reduced) {
        fmt::print(
            "nstrail: reduced mode: this kernel allows no hooks on its functions; see `nstrail "
            "doctor` for "
            "what is missing\n");
    }
    if (plan.silent() != 0) {
        fmt::print(
            "nstrail: some hooks are attached but did not fire when exercised; see `nstrail "
            "doctor`\n");
    }
    fmt::print("nstrail: goes on with {}\n", *confined);
    std::fflush(stdout);
    // Known once the first snapshot is; tasks that a kernel hides stay hidden.
    std::string note;
    bool looked = false;
    auto drawn = Clock::time_point{};
    int code = exit_ok;
    const auto log = [&](const Event& event, const Change& change) {
        feed.tell(besides, event, change);
        for (const Remark& remark : pipeline.checker().lookout().news()) {
            feed.tell(besides, remark);
        }
        tell_doubt(event, change);
        log_remarks(pipeline.checker().lookout());
        if (event.kind() == NST_KIND_mark || event.kind() == NST_KIND_gap) {
            for (const Finding& finding : pipeline.checker().news()) {
                feed.tell(besides, finding);
            }
            log_findings(pipeline.checker());
        }
    };
    std::optional<Shipper> shipper;
    ShipLog ship_log;
    while (!stop_requested() && Clock::now() < until) {
        const bool asked = board.wait(pipeline.pause());
        if (take_reload_request()) {
            reload(pipeline, **server, manager);
        }
        if (auto stepped = pipeline.step(log); !stepped) {
            code = complain(stepped.error());
            break;
        }
        tell_manager(manager, pipeline.world());
        if (const Writer* now = pipeline.writer(); now != nullptr) {
            if (!std::exchange(recording_told, true)) {
                recording.opened(*now, given.record);
                // From here on what an earlier recorder left is mended.
                if (shipping) {
                    shipper.emplace(*shipping);
                }
            }
            recording.look(*now);
        }
        if (shipper) {
            ship_log.look(shipper->figures());
        }
        if (!looked && pipeline.world().synchronized()) {
            looked = true;
            note = hidden_note(hidden_tasks(pipeline));
            if (!note.empty()) {
                fmt::print(stderr, "nstrail: {}\n", note);
            }
        }
        if (asked) {
            auto made = pipeline.publication();
            made->note = note;
            if (shipper) {
                note_shipping(*made, shipper->figures());
            }
            board.publish(std::move(made));
        }
        if (given.tree && pipeline.world().synchronized() &&
            Clock::now() - drawn > std::chrono::seconds(1)) {
            if (drawn == Clock::time_point{}) {
                std::fputs("\033[2J", stdout);
            }
            drawn = Clock::now();
            draw(pipeline.world().view(), address, note);
        }
    }
    manager.stopping();
    server->reset();
    if (auto finished = pipeline.finish(log); !finished && code == exit_ok) {
        code = complain(finished.error());
    }
    log_findings(pipeline.checker());
    if (writer && !recording.closed(pipeline.close_recording()) && code == exit_ok) {
        code = exit_failure;
    }
    if (code == exit_ok) {
        pipeline.hand_over();
    }
    if (shipper) {
        [[maybe_unused]] const bool all = shipper->finish(last_shipping);
        ship_log.closed(shipper->figures());
    }
    fmt::print(stderr, "nstrail: {}\n", account_text(pipeline.follower()));
    return code;
}

}  // namespace

void add_agent(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "agent", "The daemon: follows this host and serves page, API and metrics.");
    auto options = std::make_shared<AgentOptions>();
    command
        ->add_option("--listen", options->listen.listen,
                     "ADDR:PORT to serve on; port 0 takes a free one")
        ->capture_default_str();
    options->listen.add_to(*command);
    command->add_flag("--tree", options->tree, "draw the live hierarchy on the terminal");
    command->add_option("--for", options->duration, "end after this time, e.g. 10s");
    command->add_option("--record", options->record,
                        "keep the latest of what happens in this directory; see `nstrail record`");
    options->recording.add_to(*command, "record-");
    command->add_option("--ship", options->ship.url,
                        "ship what is recorded to a stream: nats://HOST:PORT[,HOST:PORT…][/STREAM]"
                        "[?creds=FILE&ca=FILE&cert=FILE&key=FILE] (docs/FLEET.md)");
    options->ship.add_to(*command, "ship-");
    options->confine.add_to(*command);
    options->pin.add_to(*command);
    options->trace.add_to(*command);
    options->notable.add_to(*command);
    command->callback([=, &run] { run = [=] { return agent(*options); }; });
}

}  // namespace nstrail
