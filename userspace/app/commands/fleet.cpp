// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/pipeline.hpp"
#include "app/printer.hpp"
#include "app/replay.hpp"
#include "app/ship_log.hpp"
#include "app/times.hpp"
#include "base/processors.hpp"
#include "base/text.hpp"
#include "record/shelf.hpp"
#include "record/shipped.hpp"
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

struct ReadCommand {
    std::string url;
    StreamPick pick;
    bool json = false;
    std::size_t jobs = 0;
    NotableChoice notable;
};

Result<std::vector<ShippedBoot>> listed(const ReadCommand& given) {
    const auto name = given.pick.name(given.url);
    const auto url = name ? StreamUrl::parse(*name) : std::unexpected(name.error());
    return url ? list_shipped(*url) : std::unexpected(url.error());
}

/// A moment of that boot as people write it; "-" = there is none.
std::string moment(const ShippedBoot& boot, std::uint64_t boot_ns) {
    return boot_ns == 0 ? "-" : rfc3339(boot_ns + boot.wall_offset_ns);
}

int list(const ReadCommand& given) {
    const auto boots = listed(given);
    if (!boots) {
        return complain(boots.error());
    }
    const auto json_moment = [](const ShippedBoot& boot, std::uint64_t boot_ns) {
        return boot_ns == 0 ? "null" : json_quote(moment(boot, boot_ns));
    };
    std::string lines;
    for (const ShippedBoot& boot : *boots) {
        const std::string seen = rfc3339(static_cast<std::uint64_t>(boot.seen_ns));
        if (given.json) {
            lines += fmt::format(
                R"({}{{"cluster":{},"host":{},"boot_id":{},"begin":{},"end":{},"last_seen":{},"lost":{}}})",
                lines.empty() ? "" : ",", json_quote(boot.name.cluster), json_quote(boot.name.host),
                json_quote(uuid_text(boot.name.boot)), json_moment(boot, boot.begin_ns),
                json_moment(boot, boot.end_ns), json_quote(seen), boot.lost);
        } else {
            lines += fmt::format("{}  {}  {}  {} to {}  seen {}  {} lost\n",
                                 printable(boot.name.cluster), printable(boot.name.host),
                                 uuid_text(boot.name.boot), moment(boot, boot.begin_ns),
                                 moment(boot, boot.end_ns), seen, boot.lost);
        }
    }
    if (given.json) {
        fmt::print(R"({{"schema":"nstrail.fleet/1","recordings":[{}]}})"
                   "\n",
                   lines);
    } else {
        fmt::print("{}", lines);
    }
    return exit_ok;
}

/// Holds one recording of the stream against the rules. Returns a line for it, and what `nstrail
/// check` would end with.
std::pair<std::string, int> check_one(const ReadCommand& given, const NotableOptions& notable,
                                      const ShipName& name) {
    const std::string boot = uuid_text(name.boot);
    const auto line = [&](std::string_view verdict, const std::string& words) {
        return given.json
                   ? fmt::format(R"({{"cluster":{},"host":{},"boot_id":{},"verdict":"{}",{}}})"
                                 "\n",
                                 json_quote(name.cluster), json_quote(name.host), json_quote(boot),
                                 verdict, words)
                   : fmt::format("{}  {}  {}  {}: {}\n", printable(name.cluster),
                                 printable(name.host), boot, verdict, words);
    };
    const auto failed = [&](const Error& error) {
        return std::pair(
            line("unread", given.json ? "\"error\":" + json_quote(error.line()) : error.line()),
            int{exit_failure});
    };
    const StreamPick pick{.host = name.host, .boot = boot};
    const auto url = pick.name(given.url);
    auto opened = url ? Replay::open(*url, notable) : std::unexpected(url.error());
    if (!opened) {
        return failed(opened.error());
    }
    Replay& replay = **opened;
    while (!replay.ended()) {
        if (stop_requested()) {
            return failed({.what = "check it", .why = "interrupted", .next = {}});
        }
        if (auto stepped = replay.step(); !stepped) {
            return failed(stepped.error());
        }
    }
    replay.finish();
    const ExitCode code = replay.verdict();
    const Findings& findings = replay.checker().findings();
    const char* verdict = code == exit_ok           ? "clean"
                          : code == exit_violations ? "violations"
                                                    : "undecided";
    const std::uint64_t events = sum(replay.world().account().events);
    const std::uint64_t lost = replay.world().view().lost();
    const std::string words =
        given.json
            ? fmt::format(R"("events":{},"lost":{},"violations":{},"unknown":{},"damaged":{})",
                          events, lost, findings.violations(), findings.unknown(),
                          !replay.faults_text().empty())
            : fmt::format("{} events, {} lost, {} violations, {} unknown\n{}", events, lost,
                          findings.violations(), findings.unknown(), replay.faults_text());
    return {line(verdict, given.json ? words : words.substr(0, words.size() - 1)), code};
}

/// Calls work(boot) with each, a few at a time: each holds one chunk and one model.
template <class Work>
void for_each(const std::vector<ShippedBoot>& boots, std::size_t jobs, const Work& work) {
    std::atomic<std::size_t> next = 0;
    const auto some = [&] {
        for (auto mine = next++; mine < boots.size() && !stop_requested(); mine = next++) {
            work(boots[mine]);
        }
    };
    jobs = jobs != 0 ? jobs : processors();
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(jobs, boots.size()); i++) {
        workers.emplace_back(some);
    }
}

int check(const ReadCommand& given) {
    const auto notable = given.notable.resolve();
    if (!notable) {
        return complain(notable.error(), exit_usage);
    }
    const auto boots = listed(given);
    if (!boots) {
        return complain(boots.error());
    }
    catch_signals();
    std::mutex mutex;
    std::array<std::size_t, exit_unsupported + 1> ended{};
    for_each(*boots, given.jobs, [&](const ShippedBoot& boot) {
        const auto [line, code] = check_one(given, *notable, boot.name);
        const std::lock_guard lock(mutex);
        fmt::print("{}", line);
        std::fflush(stdout);
        ended[static_cast<std::size_t>(code)]++;
    });
    fmt::print(stderr,
               "nstrail: {} recordings: {} clean, {} with violations, {} undecided, {} not "
               "read\n",
               boots->size(), ended[exit_ok], ended[exit_violations], ended[exit_unsupported],
               boots->size() - ended[exit_ok] - ended[exit_violations] - ended[exit_unsupported]);
    for (const int code : {exit_violations, exit_failure, exit_unsupported}) {
        if (ended[static_cast<std::size_t>(code)] != 0) {
            return code;
        }
    }
    return stop_requested() ? exit_failure : exit_ok;
}

struct FindCommand {
    ReadCommand read;
    std::string expression;
    RangeChoice range;
};

/// Times of day as nanoseconds since 1970: what begins at its own moment on each host is no time
/// here.
Result<RangeChoice::Range> calendar(const RangeChoice& choice) {
    for (const std::string& text : {choice.begin, choice.end}) {
        if (!text.empty() && text.find('-') == std::string::npos) {
            return fail("find from or up to '" + text + "'", "each host began at another time",
                        "give a time of day, e.g. 2026-03-01T10:15:00Z");
        }
    }
    return choice.resolve({});
}

/// Prints what matches in one recording, each line with whose it is. Returns how many lines that
/// were.
Result<std::uint64_t> find_one(const FindCommand& given, const NotableOptions& notable,
                               const Filter& filter, const RangeChoice::Range& when,
                               const ShippedBoot& boot, std::mutex& mutex) {
    const auto own = [&](std::uint64_t wall_ns) {
        return wall_ns - std::min(wall_ns, boot.wall_offset_ns);
    };
    const std::uint64_t end_ns = when.end_ns == UINT64_MAX ? UINT64_MAX : own(when.end_ns);
    if (end_ns < boot.begin_ns || own(when.begin_ns) > boot.end_ns) {
        return 0;
    }
    const std::string boot_id = uuid_text(boot.name.boot);
    const auto url = StreamPick{.host = boot.name.host, .boot = boot_id}.name(given.read.url);
    auto opened = url ? Replay::open(*url, notable) : std::unexpected(url.error());
    if (!opened) {
        return std::unexpected(opened.error());
    }
    Replay& replay = **opened;
    replay.limit({.begin_ns = own(when.begin_ns), .end_ns = end_ns});
    Printer printer(replay.world(), replay.checker(), given.read.json, filter);
    const std::string whose =
        given.read.json
            ? fmt::format(R"({{"cluster":{},"host":{},"boot_id":{},)",
                          json_quote(boot.name.cluster), json_quote(boot.name.host),
                          json_quote(boot_id))
            : fmt::format("{}  {}  ", printable(boot.name.cluster), printable(boot.name.host));
    std::uint64_t lines = 0;
    std::string out;
    const auto print = [&] {
        take_lines(printer.out(), [&](std::string_view line) {
            lines++;
            out += whose;
            out += line.substr(given.read.json ? 1 : 0);
            out += '\n';
        });
        if (!out.empty()) {
            const std::lock_guard lock(mutex);
            fmt::print("{}", out);
            std::fflush(stdout);
            out.clear();
        }
    };
    const auto show = [&](const Event& event, const Change& change) {
        if (replay.now() < own(when.begin_ns)) {
            return;
        }
        // What was hooked is told by `replay`; that something is missing, here too.
        if (event.kind() != NST_KIND_session) {
            printer.event(event, change);
        }
        printer.news(event);
    };
    while (!replay.ended()) {
        if (stop_requested()) {
            return fail("find in it", "interrupted");
        }
        if (auto stepped = replay.step(show); !stepped) {
            print();
            return std::unexpected(stepped.error());
        }
        print();
    }
    replay.finish();
    printer.findings();
    print();
    const std::lock_guard lock(mutex);
    fmt::print(stderr, "{}", replay.faults_text());
    return lines;
}

int find(const FindCommand& given) {
    const auto notable = given.read.notable.resolve();
    const auto when = calendar(given.range);
    const auto filter = FilterChoice{.text = given.expression}.resolve();
    for (const Error* error : {notable ? nullptr : &notable.error(), when ? nullptr : &when.error(),
                               filter ? nullptr : &filter.error()}) {
        if (error != nullptr) {
            return complain(*error, exit_usage);
        }
    }
    const auto boots = listed(given.read);
    if (!boots) {
        return complain(boots.error());
    }
    catch_signals();
    std::mutex mutex;
    std::uint64_t lines = 0;
    std::size_t with = 0;
    std::size_t unread = 0;
    for_each(*boots, given.read.jobs, [&](const ShippedBoot& boot) {
        const auto found = find_one(given, *notable, **filter, *when, boot, mutex);
        const std::lock_guard lock(mutex);
        if (!found) {
            fmt::print(stderr, "nstrail: host {} boot {}: {}\n", printable(boot.name.host),
                       uuid_text(boot.name.boot), found.error().line());
            unread++;
            return;
        }
        lines += *found;
        with += *found != 0 ? 1 : 0;
    });
    fmt::print(stderr, "nstrail: {} lines in {} of {} recordings; {} not read\n", lines, with,
               boots->size(), unread);
    return unread != 0 || stop_requested() ? exit_failure : exit_ok;
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

    const auto add_reader = [&](const char* name, const char* help, const char* json,
                                ReadCommand* read) {
        auto* made = fleet->add_subcommand(name, help);
        made->add_option(
                "url", read->url,
                "nats://HOST:PORT[,HOST:PORT…]/STREAM[?creds=FILE&ca=FILE&cert=FILE&key=FILE]")
            ->required();
        read->pick.add_to(*made);
        made->add_flag("--json", read->json, json);
        return made;
    };
    // Those that go through all of each recording.
    const auto add_searcher = [&](const char* name, const char* help, ReadCommand* read) {
        auto* made = add_reader(name, help, "one JSON object per line", read);
        made->add_option("--jobs", read->jobs, "how many at a time; else one for each CPU");
        read->notable.add_to(*made);
        return made;
    };
    auto listing = std::make_shared<ReadCommand>();
    add_reader("ls", "The recordings of a stream: hosts, boots, times, what was lost, last seen.",
               "one JSON document (nstrail.fleet/1)", listing.get())
        ->callback([=, &run] { run = [=] { return list(*listing); }; });
    auto checking = std::make_shared<ReadCommand>();
    add_searcher("check",
                 "Holds all recordings of a stream against the rules, a line for each; ends as "
                 "`nstrail check` does, by the worst of them.",
                 checking.get())
        ->callback([=, &run] { run = [=] { return check(*checking); }; });
    auto finding = std::make_shared<FindCommand>();
    auto* finder = add_searcher("find",
                                "What matches in all recordings of a stream, as it is read: events "
                                "and findings, each with whose it is.",
                                &finding->read);
    finder->add_option("expression", finding->expression, "docs/FILTER.md")->required();
    finding->range.add_to(*finder);
    finder->callback([=, &run] { run = [=] { return find(*finding); }; });
}

}  // namespace nstrail
