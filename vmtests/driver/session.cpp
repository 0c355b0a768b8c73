// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <thread>

#include <unistd.h>

namespace vmtests {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Emulation is slow, and a loaded host makes it slower; only failures take this long.
constexpr Seconds ready_limit = 120s;
constexpr Seconds settle_limit = 6s;
constexpr Seconds destroy_limit = 15s;
constexpr Seconds stream_limit = 20s;
constexpr Seconds subject_limit = 60s;
constexpr Seconds host_limit = 120s;

void append(Differences& to, const std::vector<std::string>& lines,
            const std::string& prefix = {}) {
    for (const std::string& line : lines)
        to.push_back(prefix + line);
}

std::string join(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
        text += line + '\n';
    return text;
}

}  // namespace

Session::Session(Options options, Results& results)
    : options_(std::move(options)),
      results_(results),
      stream_(options_.directory + "/live.jsonl") {}

std::string Session::log_tail(const std::string& name) const {
    std::istringstream log(read_whole(options_.directory + '/' + name));
    std::string last = "nothing";
    for (std::string line; std::getline(log, line);) {
        if (!line.empty()) last = line;
    }
    return last;
}

std::expected<void, std::string> Session::start() {
    const std::string log = options_.directory + "/agent.log";
    auto agent = Child::start({options_.nstrail, "agent", "--listen",
                               "0.0.0.0:" + std::to_string(options_.port), "--insecure-listen"},
                              {.out = log, .err = log});
    if (!agent) return std::unexpected("cannot start the agent: " + agent.error());
    agent_.emplace(std::move(*agent));
    const auto started = Clock::now();
    while (true) {
        const auto answer = http_get(options_.port, "/readyz");
        if (answer && answer->status == 200) break;
        if (const auto status = agent_->wait(Seconds(0))) {
            return std::unexpected("the agent " + describe_status(*status) + ", saying '" +
                                   log_tail("agent.log") + "'");
        }
        if (Clock::now() - started > ready_limit) {
            return std::unexpected(
                "the agent is not ready: " +
                (answer ? std::to_string(answer->status) + ' ' + answer->body : answer.error()));
        }
        std::this_thread::sleep_for(100ms);
    }
    const Seconds ready = Clock::now() - started;

    auto live = Child::start(
        {options_.nstrail, "live", "--json", "--all"},
        {.out = options_.directory + "/live.jsonl", .err = options_.directory + "/live.log"});
    if (!live) return std::unexpected("cannot start the live stream: " + live.error());
    live_.emplace(std::move(*live));
    const auto asked = Clock::now();
    while (!stream_.catch_up(1s)) {
        if (const auto status = live_->wait(Seconds(0))) {
            return std::unexpected("nstrail live " + describe_status(*status) + ", saying '" +
                                   log_tail("live.log") + "'");
        }
        if (Clock::now() - asked > ready_limit) {
            return std::unexpected("nstrail live shows nothing, saying '" + log_tail("live.log") +
                                   "'");
        }
    }
    const Seconds flowing = Clock::now() - asked;
    std::ostringstream text;
    text.precision(2);
    text << "ready after " << ready.count() << " s, live stream after " << flowing.count() << " s";
    results_.line("ok agent: " + text.str());
    return {};
}

std::expected<Session::Document, std::string> Session::agent_tree() const {
    const auto answer = http_get(options_.port, std::string(names::tree_path));
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) {
        return std::unexpected("GET " + std::string(names::tree_path) + ": status " +
                               std::to_string(answer->status));
    }
    json tree = json::parse(answer->body, nullptr, false);
    if (tree.is_discarded()) return std::unexpected(std::string("the answer is no JSON"));
    return Document{std::move(tree), 0};
}

std::expected<Session::Document, std::string> Session::fresh_tree() const {
    pid_t pid = 0;
    const auto text = run({options_.nstrail, "tree", "--json", "--tasks"}, ready_limit, &pid);
    if (!text) return std::unexpected(text.error());
    json tree = json::parse(*text, nullptr, false);
    if (tree.is_discarded()) return std::unexpected(std::string("the output is no JSON"));
    return Document{std::move(tree), pid};
}

Differences Session::compare(const std::string& who, const std::string& name, const Take& take,
                             bool with_lsns) {
    Differences differences;
    json tree;
    std::string lsns;
    const auto until = Clock::now() + settle_limit;
    do {
        // The first differences may be what the agent has not drained yet.
        if (!differences.empty()) std::this_thread::sleep_for(200ms);
        differences.clear();
        const auto before = read_truth();
        auto document = take();
        const auto counted = with_lsns
                                 ? run({"lsns", "--json", "-o", "NS,TYPE,NPROCS"}, subject_limit)
                                 : std::expected<std::string, std::string>("");
        const auto after = read_truth();
        if (!before || !after) {
            differences = {"/proc: " + (before ? after.error() : before.error())};
            continue;
        }
        if (!document) {
            differences = {who + document.error()};
            continue;
        }
        tree = std::move(document->tree);
        if (std::string moved = moved_between(*before, *after); !moved.empty()) {
            differences = {who + "the machine does not settle: " + moved};
            continue;
        }
        append(differences, compare_tree(tree, *after, document->own_tgid), who);
        append(differences, compare_states(tree, states_), who);
        last_tasks_ = after->tasks.size();
        last_namespaces_ = after->namespaces.size();
        if (!with_lsns) continue;
        if (!counted) {
            differences.push_back(who + counted.error());
            continue;
        }
        lsns = *counted;
        try {
            append(differences, compare_lsns(tree, read_lsns(lsns), after->tasks.at(::getpid())),
                   who);
        } catch (const json::exception& error) {
            differences.push_back(std::string("lsns: ") + error.what());
        }
    } while (!differences.empty() && Clock::now() < until);
    results_.file(name + ".tree.json", tree.dump(1) + '\n');
    if (with_lsns) results_.file(name + ".lsns.json", lsns);
    return differences;
}

Differences Session::hold_point(const std::string& scene, const std::string& hold) {
    const std::string name = scene + '/' + hold;
    Differences differences =
        compare("agent at " + hold + ": ", name + ".agent", [this] { return agent_tree(); }, true);
    append(
        differences,
        compare("tree at " + hold + ": ", name + ".fresh", [this] { return fresh_tree(); }, false));
    return differences;
}

Differences Session::run_subject(const std::string& name, Expectations& expectations, int& holds) {
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
            if (expectations.add(**line)) continue;
        } catch (const json::exception& error) {
            differences.push_back("bad expectation: " + **line);
            continue;
        }
        if (auto state = read_state(**line)) {
            states_.push_back(*state);
        } else if ((*line)->starts_with("hold ")) {
            ++holds;
            append(differences, hold_point(name, (*line)->substr(5)));
            states_.clear();
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

Differences Session::left_behind(const std::vector<NamespaceKey>& before) {
    // Some namespaces go only with a work queue (net) or an RCU grace period.
    const auto until = Clock::now() + destroy_limit;
    while (true) {
        std::vector<NamespaceKey> left;
        const auto document = agent_tree();
        if (!document) return {"agent: " + document.error()};
        std::ranges::set_difference(namespaces_of(document->tree), before,
                                    std::back_inserter(left));
        if (left.empty()) return {};
        if (Clock::now() > until) {
            Differences differences;
            for (const NamespaceKey& key : left) {
                differences.push_back("agent: " + key.type + " namespace " +
                                      std::to_string(key.inum) + " is still tracked at the end");
            }
            return differences;
        }
        std::this_thread::sleep_for(200ms);
    }
}

std::optional<std::string> Session::lost() const {
    const auto answer = http_get(options_.port, "/metrics");
    if (!answer) return answer.error();
    std::istringstream lines(answer->body);
    bool present = false;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(names::lost_metric)) continue;
        const char next =
            line.size() > names::lost_metric.size() ? line[names::lost_metric.size()] : '\0';
        if (next != '{' && next != ' ') continue;
        present = true;
        if (std::strtod(line.c_str() + line.rfind(' '), nullptr) != 0) return line;
    }
    if (!present) return "/metrics has no " + std::string(names::lost_metric);
    return std::nullopt;
}

void Session::report(const std::string& name, const Differences& differences,
                     const std::string& ok) {
    if (differences.empty()) {
        results_.line("ok " + name + ": " + ok);
        return;
    }
    results_.file(name + "/differences.txt", join(differences));
    const std::size_t more = differences.size() - 1;
    results_.line(
        "not ok " + name + ": " + differences.front() +
        (more > 0 ? " (and " + std::to_string(more) + " more: " + name + "/differences.txt)" : ""));
}

void Session::idle() {
    const Differences differences = hold_point("idle", "start");
    report("idle", differences,
           std::to_string(last_tasks_) + " tasks and " + std::to_string(last_namespaces_) +
               " namespaces agree");
}

void Session::scene(const std::string& name) {
    const auto started = Clock::now();
    Differences differences;
    if (auto ready = stream_.catch_up(stream_limit); !ready) differences.push_back(ready.error());
    stream_.take();
    stream_.take_text();
    std::vector<NamespaceKey> before;
    if (const auto document = agent_tree()) before = namespaces_of(document->tree);

    Expectations expectations;
    int holds = 0;
    append(differences, run_subject(name, expectations, holds));
    if (holds == 0) differences.push_back("the subject never came to a hold");
    const std::size_t tasks = last_tasks_;
    const std::size_t namespaces = last_namespaces_;

    if (auto complete = stream_.catch_up(stream_limit); !complete) {
        differences.push_back(complete.error());
    }
    const std::vector<json> events = stream_.take();
    append(differences, expectations.unmet(events));
    for (const json& event : events) {
        if (event.value("kind", "") == names::gap_kind) {
            differences.push_back("stream: " + event.dump());
        }
    }
    append(differences, left_behind(before));
    if (const auto line = lost()) differences.push_back("agent: " + *line);
    results_.file(name + "/events.jsonl", stream_.take_text());

    std::ostringstream ok;
    ok.precision(3);
    ok << holds << " holds, the last with " << tasks << " tasks and " << namespaces
       << " namespaces; " << expectations.size() << " expectations, " << events.size()
       << " events, " << Seconds(Clock::now() - started).count() << " s";
    report(name, differences, ok.str());
}

void Session::stop() {
    if (!agent_ || !live_) return;
    results_.await("prometheus", host_limit);
    if (const auto metrics = http_get(options_.port, "/metrics")) {
        results_.file("metrics.txt", metrics->body);
    }
    Differences differences;
    live_->signal(SIGINT);
    agent_->signal(SIGTERM);
    const auto live = live_->wait(stream_limit);
    const auto agent = agent_->wait(stream_limit);
    if (!live) differences.push_back("nstrail live does not end by SIGINT");
    if (live && *live != 0) differences.push_back("nstrail live " + describe_status(*live));
    if (!agent) differences.push_back("the agent does not end by SIGTERM");
    if (agent && *agent != 0) differences.push_back("the agent " + describe_status(*agent));
    report("stop", differences, "agent and live stream end with status 0");
}

void Session::send_logs() {
    results_.file("agent.log", read_whole(options_.directory + "/agent.log"));
    results_.file("live.log", read_whole(options_.directory + "/live.log"));
}

}  // namespace vmtests
