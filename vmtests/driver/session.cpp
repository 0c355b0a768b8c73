// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <sstream>
#include <thread>

#include "rules.hpp"

namespace vmtests {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Emulation is slow, and a loaded host makes it slower; only failures take this long.
constexpr Seconds settle_limit = 20s;
constexpr Seconds destroy_limit = 20s;
// The reduced mode sees some changes only by its next round, which may be seconds away.
constexpr Seconds reduced_limit = 60s;
constexpr Seconds stream_limit = 30s;
constexpr Seconds subject_limit = 60s;
constexpr Seconds host_limit = 120s;
constexpr int late_tries = 5;
constexpr auto late_pause = 300ms;
// The channel to the host is slow; only a soak makes more.
constexpr std::size_t stream_kept = std::size_t{32} << 20;

}  // namespace

Session::Session(const Options& options, Results& results)
    : options_(options),
      results_(results),
      stream_(options.directory + "/live.jsonl"),
      judge_(options, results, settle_limit) {
    if (!options.wants("fresh")) judge_.without_fresh_trees();
}

std::expected<void, std::string> Session::start() {
    const auto started = Clock::now();
    auto agent = Agent::start(options_, "agent", options_.port);
    if (!agent) return std::unexpected(agent.error());
    agent_.emplace(std::move(*agent));
    if (auto ready = agent_->await_ready(); !ready) return ready;
    const Seconds ready = Clock::now() - started;

    std::vector<std::string> command = {options_.nstrail, "live", "--json", "--all"};
    command.insert(command.end(), options_.trace.begin(), options_.trace.end());
    const std::string log = options_.directory + "/live.log";
    auto live = Child::start(command, {.out = options_.directory + "/live.jsonl", .err = log});
    if (!live) return std::unexpected("cannot start the live stream: " + live.error());
    live_.emplace(std::move(*live));
    const auto asked = Clock::now();
    while (!stream_.catch_up(1s)) {
        if (const auto status = live_->wait(Seconds(0))) {
            return std::unexpected("nstrail live " + describe_status(*status) + ", saying '" +
                                   log_tail(log) + "'");
        }
        if (Clock::now() - asked > ready_limit) {
            return std::unexpected("nstrail live shows nothing, saying '" + log_tail(log) + "'");
        }
    }
    const Seconds flowing = Clock::now() - asked;

    const auto doctor = agent_->doctor();
    if (!doctor) return std::unexpected(doctor.error());
    results_.file("doctor.json", doctor->dump(1) + '\n');
    auto hooks = Hooks::read(stream_.session(), *doctor);
    if (!hooks) return std::unexpected(hooks.error());
    hooks_ = std::move(*hooks);
    if (const auto wrong = wrong_way()) return std::unexpected(*wrong);
    if (!hooks_.complete()) {
        judge_.set_patience(reduced_limit);
        judge_.without_last_pids();
    }
    std::ostringstream text;
    text.precision(2);
    text << "ready after " << ready.count() << " s, live stream after " << flowing.count()
         << " s, with " << hooks_.size() << " hooks";
    results_.line("ok agent: " + text.str());
    return {};
}

// The mode that was asked for is the one that runs, or the whole run would test something else.
std::optional<std::string> Session::wrong_way() const {
    const auto metrics = agent_->metrics();
    if (!metrics) return metrics.error();
    const auto hooks = [&](const std::string& way) {
        return metric(*metrics, "nstrail_hooks{way=\"" + way + "\"}");
    };
    const auto asked = [&](const char* word) {
        return std::ranges::find(options_.trace, word) != options_.trace.end();
    };
    const bool functions = !asked("tracepoint");
    const bool fentry = functions && !asked("kprobe");
    if ((hooks("fentry") > 0) == fentry && (hooks("kprobe") > 0) == (functions && !fentry)) {
        return std::nullopt;
    }
    std::ostringstream text;
    text << "the hooks are not as asked: " << hooks("fentry") << " by fentry, " << hooks("kprobe")
         << " by kprobe";
    return text.str();
}

Differences Session::run_subject(const std::string& name, Expectations& expectations, Run& run) {
    Differences differences;
    std::string said;
    // The subject prints to a pipe; its errors go to the console.
    auto subject =
        Child::start({options_.subjects + '/' + name}, {.out = {}, .err = {}, .in_pipe = true});
    if (!subject) return {"cannot start: " + subject.error()};
    while (true) {
        const auto line = subject->read_line(subject_limit);
        if (!line) {
            differences.push_back("the subject " + line.error());
            break;
        }
        if (!*line) break;
        said += **line + '\n';
        try {
            if (expectations.add(**line) || judge_.add_claim(**line)) continue;
        } catch (const json::exception& error) {
            differences.push_back("bad expectation: " + **line);
            continue;
        }
        if ((*line)->starts_with("hold ")) {
            ++run.holds;
            const std::string hold = (*line)->substr(5);
            append(differences, judge_.hold(*agent_, name + '/' + hold, hold));
            if (!subject->write("\n")) differences.push_back("the subject does not listen");
        } else if ((*line)->starts_with("fail ")) {
            differences.push_back("subject: " + (*line)->substr(5));
        } else if ((*line)->starts_with("note ")) {
            results_.line("note " + name + ": " + (*line)->substr(5));
        } else {
            differences.push_back("the subject says: " + **line);
        }
    }
    const auto status = subject->wait(subject_limit);
    if (!status) {
        differences.push_back("the subject does not end");
    } else if (*status != 0) {
        differences.push_back("the subject " + describe_status(*status));
    }
    results_.file(name + "/subject.txt", said);
    return differences;
}

// Records that found the ring full, or were damaged, are never right here: the ring is large.
// Skipped program runs are the kernel's doing.
std::optional<std::string> Session::lost() const {
    const auto metrics = agent_->metrics();
    if (!metrics) return metrics.error();
    for (const char* cause : {"ring", "recursion", "damage"}) {
        const std::string series = std::string(names::lost_metric) + "{cause=\"" + cause + "\"}";
        if (!metrics->contains(series)) return "/metrics has no " + series;
        const double value = metric(*metrics, series);
        if (value != 0 && std::string(cause) != "recursion") {
            return series + " is " + std::to_string(value);
        }
    }
    return std::nullopt;
}

void Session::idle() {
    const Differences differences = judge_.hold(*agent_, "idle/start", "start");
    report(results_, "idle", differences,
           std::to_string(judge_.tasks()) + " tasks and " + std::to_string(judge_.namespaces()) +
               " namespaces agree");
}

Session::Run Session::run_scene(const std::string& name) {
    Run run;
    if (auto ready = stream_.catch_up(stream_limit); !ready) {
        run.differences.push_back(ready.error());
    }
    stream_.take();
    stream_.take_text();
    std::vector<NamespaceKey> before;
    if (const auto tree = agent_->tree()) before = namespaces_of(*tree);
    if (!first_) first_ = before;

    Expectations expectations;
    append(run.differences, run_subject(name, expectations, run));
    if (run.holds == 0) run.differences.push_back("the subject never came to a hold");
    run.tasks = judge_.tasks();
    run.namespaces = judge_.namespaces();

    if (auto complete = stream_.catch_up(stream_limit); !complete) {
        run.differences.push_back(complete.error());
    }
    std::vector<json> events = stream_.take();
    run.unseen = expectations.keep_visible(hooks_);
    run.expected = expectations.size();
    run.unmet = expectations.unmet(events);
    // Some namespaces go only with a work queue, soon after what held them.
    for (int i = 0; i < late_tries && !run.unmet.empty(); ++i) {
        std::this_thread::sleep_for(late_pause);
        if (!stream_.catch_up(stream_limit)) break;
        std::ranges::move(stream_.take(), std::back_inserter(events));
        run.unmet = expectations.unmet(events);
    }
    run.events = events.size();
    for (const json& event : events) {
        if (event.value("kind", "") != names::gap_kind) continue;
        ++run.gaps;
        if (event.value("cause", "") != "recursion") {
            run.differences.push_back("stream: " + event.dump());
        }
    }
    // The reduced mode learns only every 30 s that a namespace without tasks is gone: once is
    // enough.
    if (hooks_.complete()) append(run.differences, left_behind(*agent_, before, destroy_limit));
    if (const auto line = lost()) run.differences.push_back("agent: " + *line);
    results_.file(name + "/events.jsonl", stream_.take_text());
    return run;
}

void Session::scene(const std::string& name) {
    const auto started = Clock::now();
    // Once the kernel skipped a program, the agent's documents tell of it for ever.
    judge_.allow_past_loss();
    Run run = run_scene(name);
    gaps_ += run.gaps;
    std::string again;
    if (run.gaps > 0 && !run.unmet.empty() && run.differences.empty()) {
        // What the kernel skipped cannot be in the stream: whether it was this is not known.
        results_.line("note " + name + ": " + std::to_string(run.gaps) +
                      " gaps in the stream, which may have what was expected; once more");
        again = ", the second time";
        run = run_scene(name);
        gaps_ += run.gaps;
    }
    std::ostringstream ok;
    ok.precision(3);
    ok << run.holds << " holds, the last with " << run.tasks << " tasks and " << run.namespaces
       << " namespaces; " << run.expected << " expectations, " << run.events << " events";
    if (run.unseen > 0) ok << ", " << run.unseen << " beyond these hooks";
    if (run.gaps > 0 && !run.unmet.empty()) {
        ok << "; " << run.unmet.size() << " expectations unknown for " << run.gaps << " gaps";
    } else {
        append(run.differences, run.unmet);
    }
    ok << ", " << Seconds(Clock::now() - started).count() << " s" << again;
    report(results_, name, run.differences, ok.str());
}

void Session::stop() {
    if (!agent_ || !live_) return;
    results_.await("prometheus", host_limit);
    if (const auto metrics = agent_->text("/metrics")) results_.file("metrics.txt", *metrics);
    if (const auto metrics = agent_->metrics()) {
        std::ostringstream text;
        text << gaps_ << " gaps in the scenes' stream; the agent had "
             << metric_sum(*metrics, std::string(names::gaps_metric)) << " gaps, of "
             << metric(*metrics, "nstrail_delivered_events_total") << " events, "
             << metric(*metrics, "nstrail_snapshots_total") << " snapshots";
        results_.line("note " + text.str());
    }
    Differences differences;
    if (first_ && !hooks_.complete()) {
        append(differences, left_behind(*agent_, *first_, reduced_limit));
    }
    const Rules agents = judge_rules(*agent_);
    report(results_, "rules", agents.differences, "the agent: " + agents.said);
    live_->signal(SIGINT);
    if (const auto wrong = agent_->end()) differences.push_back(*wrong);
    const auto live = live_->wait(end_limit);
    if (!live) differences.push_back("nstrail live does not end by SIGINT");
    if (live && *live != 0) differences.push_back("nstrail live " + describe_status(*live));
    report(results_, "stop", differences, "agent and live stream end with status 0");
    const Rules streams = judge_stream(options_, options_.directory + "/live.jsonl");
    report(results_, "check", streams.differences, "the whole stream: " + streams.said);
    const std::string stream = read_whole(options_.directory + "/live.jsonl");
    if (stream.size() <= stream_kept) results_.file("live.jsonl", stream);
}

void Session::send_logs() {
    results_.file("agent.log", read_whole(options_.directory + "/agent.log"));
    results_.file("live.log", read_whole(options_.directory + "/live.log"));
}

}  // namespace vmtests
