// SPDX-License-Identifier: Apache-2.0
#include "agent.hpp"

#include <csignal>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "names.hpp"

namespace vmtests {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

double metric(const Metrics& metrics, const std::string& series) {
    const auto at = metrics.find(series);
    return at == metrics.end() ? 0 : at->second;
}

double metric_sum(const Metrics& metrics, const std::string& name, const std::string& label) {
    double sum = 0;
    for (const auto& [series, value] : metrics) {
        const bool named = series == name || series.starts_with(name + '{');
        if (named && series.find(label) != std::string::npos) sum += value;
    }
    return sum;
}

std::string log_tail(const std::string& path) {
    std::istringstream log(read_whole(path));
    std::string last = "nothing";
    for (std::string line; std::getline(log, line);) {
        if (!line.empty()) last = line;
    }
    return last;
}

std::expected<json, std::string> parse_json(const std::string& text) {
    json document = json::parse(text, nullptr, false);
    if (document.is_discarded()) return std::unexpected(std::string("the answer is no JSON"));
    return document;
}

std::expected<Agent, std::string> Agent::start(const Options& options, const std::string& name,
                                               int port,
                                               const std::vector<std::string>& arguments) {
    std::vector<std::string> command = options.launcher;
    command.insert(command.end(), {options.nstrail, "agent", "--listen",
                                   "0.0.0.0:" + std::to_string(port), "--insecure-listen"});
    if (!options.agent_user.empty()) command.insert(command.end(), {"--user", options.agent_user});
    command.insert(command.end(), options.trace.begin(), options.trace.end());
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::string log = options.directory + '/' + name + ".log";
    auto process = Child::start(command, {.out = log, .err = log});
    if (!process) return std::unexpected("cannot start the agent: " + process.error());
    return Agent(std::move(*process), log, port);
}

std::expected<void, std::string> Agent::await_ready() {
    const auto started = Clock::now();
    while (true) {
        const auto answer = http_get(port_, "/readyz");
        if (answer && answer->status == 200) return {};
        if (const auto status = process_.wait(Seconds(0))) {
            return std::unexpected("the agent " + describe_status(*status) + ", saying '" +
                                   log_tail(log_) + "'");
        }
        if (Clock::now() - started > ready_limit) {
            return std::unexpected(
                "the agent is not ready: " +
                (answer ? std::to_string(answer->status) + ' ' + answer->body : answer.error()));
        }
        std::this_thread::sleep_for(100ms);
    }
}

bool Agent::is_ready(Seconds patience) const {
    const auto answer = http_get(port_, "/readyz", patience);
    return answer && answer->status == 200;
}

std::expected<std::string, std::string> Agent::text(const std::string& path,
                                                    Seconds patience) const {
    auto answer = http_get(port_, path, patience);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) {
        return std::unexpected("GET " + path + ": status " + std::to_string(answer->status));
    }
    return std::move(answer->body);
}

std::expected<json, std::string> Agent::tree(Seconds patience) const {
    const auto body = text(std::string(names::tree_path), patience);
    if (!body) return std::unexpected(body.error());
    return parse_json(*body);
}

std::expected<json, std::string> Agent::doctor() const {
    const auto body = text(std::string(names::doctor_path));
    if (!body) return std::unexpected(body.error());
    return parse_json(*body);
}

std::expected<Metrics, std::string> Agent::metrics() const {
    const auto body = text("/metrics");
    if (!body) return std::unexpected(body.error());
    Metrics metrics;
    std::istringstream lines(*body);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t space = line.rfind(' ');
        if (line.starts_with('#') || space == std::string::npos) continue;
        metrics[line.substr(0, space)] = std::strtod(line.c_str() + space, nullptr);
    }
    return metrics;
}

std::optional<std::string> Agent::end() {
    process_.signal(SIGTERM);
    const auto status = process_.wait(end_limit);
    if (!status) return "the agent does not end by SIGTERM";
    if (*status != 0) return "the agent " + describe_status(*status);
    return std::nullopt;
}

}  // namespace vmtests
