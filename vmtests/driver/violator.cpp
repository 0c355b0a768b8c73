// SPDX-License-Identifier: Apache-2.0
#include "violator.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>

#include <sys/wait.h>
#include <time.h>

#include "agent.hpp"
#include "judge.hpp"
#include "names.hpp"
#include "stream.hpp"

namespace vmtests {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// What is asked for, by the machine's own clock, from just before the breach.
constexpr Seconds found_limit = 1s;
// How long it is waited for what comes too late, so that it can be told how late.
constexpr Seconds late_limit = 20s;
constexpr Seconds stream_limit = 30s;
constexpr Seconds breach_limit = 60s;
constexpr Seconds check_limit = 120s;
constexpr auto poll_pause = 20ms;
// Longer than it takes for what another rule says of the breach to become final.
constexpr auto settle_pause = 800ms;
constexpr int port_offset = 2;  // not the port of another test's agent
// Once more where the kernel skipped something, under preempt=full, which makes what is found
// uncertain; and where it was found late, as on a starved host the machine's clock goes on while
// nothing in it does. Each is told.
constexpr int most_tries = 5;
constexpr Seconds calm_limit = 60s;
constexpr auto calm_tick = 20ms;
constexpr auto late_tick = 60ms;
constexpr int calm_ticks = 25;
constexpr int status_violations = 3;

// Each breaks one rule so many times, and no other finds fault with it. What comes after a task has
// left its namespaces is told as well: that it got some, and that it left them again.
struct Breach {
    const char* name;
    const char* rule;
    std::uint64_t times = 1;
};
constexpr Breach breaches[] = {
    {"foreign_switch", "NSP1"}, {"switch_after_null", "NSP3", 2},
    {"unheld", "NSP7"},         {"pid_ns_field", "NSP4"},
    {"undead", "REL4"},
};
constexpr const char* check_test = "violator_check";

std::string test_name(const Breach& breach) {
    return std::string("violator_") + breach.name;
}

std::int64_t boot_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

// Half a second without a stop.
bool is_calm() {
    for (int i = 0; i < calm_ticks; ++i) {
        const auto before = Clock::now();
        std::this_thread::sleep_for(calm_tick);
        if (Clock::now() - before > late_tick) return false;
    }
    return true;
}

void await_calm() {
    const auto until = Clock::now() + calm_limit;
    while (!is_calm() && Clock::now() < until) {
    }
}

// What the program of the same name says.
struct Told {
    int tid = 0;
    std::int64_t at_ns = 0;

    Seconds ago() const { return std::chrono::nanoseconds(boot_ns() - at_ns); }
};

bool is_about(const json& finding, const Breach& breach, const Told& told) {
    const json& task = finding.at("task");
    return finding.at("rule") == breach.rule && finding.at("verdict") == "violation" &&
           task.is_object() && task.at("tid") == told.tid &&
           finding.at("last_boot_ns").get<std::int64_t>() >= told.at_ns;
}

// Violations, and what is unknown, of each rule for which there are any.
using Counts = std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>;

Counts counts_of(const json& document) {
    Counts counts;
    for (const json& rule : document.at("rules")) {
        const auto violations = rule.at("violations").get<std::uint64_t>();
        const auto unknown = rule.at("unknown").get<std::uint64_t>();
        if (violations + unknown != 0) counts[rule.at("id")] = {violations, unknown};
    }
    return counts;
}

class ViolatorTest {
public:
    ViolatorTest(const Options& options, Results& results)
        : options_(options), results_(results), stream_(options.directory + "/violator.jsonl") {}

    // Nothing else can run after an error, which is one line.
    std::expected<void, std::string> start();
    void breach(const Breach& breach);
    void stop();
    void send_logs();

private:
    // How long after the breach each showed it.
    struct Seen {
        std::optional<Seconds> live, findings, metrics;
        bool all() const { return live && findings && metrics; }
        bool late() const { return all() && std::max({*live, *findings, *metrics}) > found_limit; }
    };

    // Why it should be tried once more, if so.
    std::optional<std::string> attempt(const Breach& breach, Differences& differences,
                                       std::string& ok);
    std::expected<Told, std::string> commit(Child& program) const;
    Seen look(const Breach& breach, const Told& told, double violations_before);
    std::expected<json, std::string> findings() const;
    double violations(const Breach& breach) const;
    double gaps() const;
    Differences judge_check() const;

    const Options& options_;
    Results& results_;
    Stream stream_;
    std::optional<Agent> agent_;
    std::optional<Child> live_;
    bool loaded_ = false;
};

std::expected<void, std::string> ViolatorTest::start() {
    auto agent = Agent::start(options_, "violator-agent", options_.port + port_offset);
    if (!agent) return std::unexpected(agent.error());
    agent_.emplace(std::move(*agent));
    if (auto ready = agent_->await_ready(); !ready) return ready;

    std::vector<std::string> command = {options_.nstrail, "live", "--json", "--all"};
    command.insert(command.end(), options_.trace.begin(), options_.trace.end());
    auto live = Child::start(command, {.out = options_.directory + "/violator.jsonl",
                                       .err = options_.directory + "/violator-live.log"});
    if (!live) return std::unexpected("cannot start the live stream: " + live.error());
    live_.emplace(std::move(*live));
    if (auto flowing = stream_.catch_up(ready_limit); !flowing) return flowing;

    if (const auto loaded = run({"insmod", options_.violator}, breach_limit); !loaded) {
        return std::unexpected("cannot load the module: " + loaded.error());
    }
    loaded_ = true;
    return {};
}

std::expected<json, std::string> ViolatorTest::findings() const {
    const auto body = agent_->text(std::string(names::findings_path));
    if (!body) return std::unexpected(body.error());
    return parse_json(*body);
}

double ViolatorTest::violations(const Breach& breach) const {
    const auto metrics = agent_->metrics();
    return metrics ? metric(*metrics, std::string(names::violations_metric) + "{rule=\"" +
                                          breach.rule + "\"}")
                   : 0;
}

double ViolatorTest::gaps() const {
    const auto metrics = agent_->metrics();
    return metrics ? metric_sum(*metrics, std::string(names::gaps_metric)) : 0;
}

std::expected<Told, std::string> ViolatorTest::commit(Child& program) const {
    const auto line = program.read_line(breach_limit);
    if (!line) return std::unexpected("the program " + line.error());
    if (!*line) return std::unexpected(std::string("the program tells no breach"));
    std::istringstream words(**line);
    std::string verb;
    Told told;
    if (!(words >> verb >> told.tid >> told.at_ns) || verb != "breach") {
        return std::unexpected("the program: " + **line);
    }
    return told;
}

ViolatorTest::Seen ViolatorTest::look(const Breach& breach, const Told& told,
                                      double violations_before) {
    Seen seen;
    while (!seen.all() && told.ago() < late_limit) {
        if (!seen.live && stream_.read_more()) {
            for (const json& line : stream_.take()) {
                if (line.value("kind", "") == "finding" && is_about(line, breach, told)) {
                    seen.live = told.ago();
                }
            }
        }
        if (!seen.findings) {
            if (const auto document = findings()) {
                for (const json& finding : document->at("findings")) {
                    if (is_about(finding, breach, told)) seen.findings = told.ago();
                }
            }
        }
        if (!seen.metrics && violations(breach) > violations_before) seen.metrics = told.ago();
        std::this_thread::sleep_for(poll_pause);
    }
    return seen;
}

std::optional<std::string> ViolatorTest::attempt(const Breach& breach, Differences& differences,
                                                 std::string& ok) {
    await_calm();
    if (const auto ready = stream_.catch_up(stream_limit); !ready) {
        differences.push_back(ready.error());
        return {};
    }
    stream_.take();
    const double gaps_before = gaps();
    const double violations_before = violations(breach);
    const auto before = findings();
    auto program = Child::start({options_.breach, breach.name}, {.out = {}, .err = {}});
    if (!before || !program) {
        differences.push_back(!before ? before.error() : program.error());
        return {};
    }
    const auto told = commit(*program);
    if (!told) {
        differences.push_back(told.error());
        return {};
    }
    const Seen seen = look(breach, *told, violations_before);
    std::this_thread::sleep_for(settle_pause);
    const auto status = program->wait(breach_limit);
    if (!status || *status != 0) {
        const auto said = program->read_line(0s);
        differences.push_back("the program " +
                              (status ? describe_status(*status) : "does not end") +
                              (said && *said ? ", saying '" + **said + "'" : std::string()));
    }
    const auto after = findings();
    if (!after) {
        differences.push_back(after.error());
        return {};
    }
    if (gaps() > gaps_before) return "the kernel skipped something meanwhile";

    std::ostringstream text;
    text.precision(3);
    text << breach.rule << " of tid " << told->tid;
    const auto judge = [&](std::string_view where, const std::optional<Seconds>& when) {
        if (when) {
            text << ", " << where << " after " << when->count() << " s";
        } else {
            differences.push_back(std::string(where) + " does not show it in " +
                                  std::to_string(late_limit.count()) + " s");
        }
    };
    judge("live", seen.live);
    judge(names::findings_path, seen.findings);
    judge("/metrics", seen.metrics);
    Counts was = counts_of(*before);
    for (const auto& [rule, counts] : counts_of(*after)) {
        const auto [violations, unknown] = was[rule];
        const std::uint64_t wanted = rule == breach.rule ? breach.times : 0;
        if (counts.first - violations != wanted) {
            differences.push_back(rule + " is found broken " +
                                  std::to_string(counts.first - violations) + " times, not " +
                                  std::to_string(wanted));
        }
        if (counts.second > unknown) differences.push_back(rule + " is unknown without a gap");
    }
    if (seen.late() && differences.empty()) return "late: " + text.str();
    for (const json& finding : after->at("findings")) {
        if (is_about(finding, breach, *told)) {
            text << ": " << finding.at("because").get<std::string>();
        }
    }
    ok = text.str();
    return {};
}

void ViolatorTest::breach(const Breach& breach) {
    Differences differences;
    std::string ok;
    for (int i = 1;; ++i) {
        const auto again = attempt(breach, differences, ok);
        if (!again) break;
        if (i == most_tries) {
            differences.push_back("the last of " + std::to_string(i) + " times: " + *again);
            break;
        }
        differences.clear();
        results_.line("note " + test_name(breach) + ": " + *again + "; once more");
    }
    report(results_, test_name(breach), differences, ok);
}

// All that was broken, and nothing else.
Differences ViolatorTest::judge_check() const {
    const std::string out = options_.directory + "/violator-check.json";
    const std::string log = options_.directory + "/violator-check.log";
    auto check =
        Child::start({options_.nstrail, "check", "--json", options_.directory + "/violator.jsonl"},
                     {.out = out, .err = log});
    if (!check) return {"cannot start nstrail check: " + check.error()};
    const auto status = check->wait(check_limit);
    if (!status) return {"nstrail check does not end"};
    results_.file("violator/check.json", read_whole(out));
    Differences differences;
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != status_violations) {
        differences.push_back("nstrail check " + describe_status(*status) + ", saying '" +
                              log_tail(log) + "'");
    }
    const auto document = parse_json(read_whole(out));
    if (!document) return {"nstrail check: " + document.error()};
    std::set<std::string> wanted;
    std::set<std::string> found;
    for (const Breach& breach : breaches)
        wanted.insert(breach.rule);
    for (const json& finding : document->at("findings")) {
        if (finding.at("verdict") == "violation") found.insert(finding.at("rule"));
    }
    for (const std::string& rule : wanted) {
        if (!found.contains(rule)) differences.push_back("nstrail check does not name " + rule);
    }
    for (const std::string& rule : found) {
        if (!wanted.contains(rule)) differences.push_back("nstrail check names " + rule);
    }
    return differences;
}

void ViolatorTest::stop() {
    Differences differences;
    if (const auto body = agent_->text(std::string(names::findings_path))) {
        results_.file("violator/findings.json", *body);
    }
    live_->signal(SIGINT);
    if (const auto wrong = agent_->end()) differences.push_back(*wrong);
    const auto live = live_->wait(end_limit);
    if (!live || *live != 0) {
        differences.push_back("nstrail live " +
                              (live ? describe_status(*live) : "does not end by SIGINT"));
    }
    append(differences, judge_check());
    if (const auto unloaded = run({"rmmod", "violator"}, breach_limit); !unloaded) {
        differences.push_back("cannot unload the module: " + unloaded.error());
    }
    report(results_, check_test, differences,
           "nstrail check ends with 3 and names the rules that were broken, no other");
}

void ViolatorTest::send_logs() {
    for (const char* name : {"violator.jsonl", "violator-agent.log", "violator-live.log"}) {
        results_.file(std::string("violator/") + name, read_whole(options_.directory + '/' + name));
    }
}

}  // namespace

std::vector<std::string> violator_tests() {
    std::vector<std::string> names;
    for (const Breach& breach : breaches)
        names.push_back(test_name(breach));
    names.emplace_back(check_test);
    return names;
}

void test_violator(const Options& options, Results& results) {
    ViolatorTest test(options, results);
    if (const auto started = test.start(); !started) {
        for (const std::string& name : violator_tests())
            results.line("not ok " + name + ": " + started.error());
    } else {
        for (const Breach& breach : breaches)
            test.breach(breach);
        test.stop();
    }
    test.send_logs();
}

}  // namespace vmtests
