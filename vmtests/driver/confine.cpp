// SPDX-License-Identifier: Apache-2.0
#include "confine.hpp"

#include <expected>
#include <map>
#include <sstream>

#include "agent.hpp"

namespace vmtests {
namespace {

using nlohmann::json;

constexpr Seconds refused_limit{60};
constexpr int port_offset = 3;  // not the port of another test's agent
constexpr const char* refused_test = "confine_refused";
constexpr const char* nonroot_test = "confine_nonroot";
// What a user who is not root needs for all hooks.
constexpr const char* few = "-all,+bpf,+perfmon,+sys_ptrace";

using Ways = std::map<std::string, std::string>;

std::expected<Ways, std::string> ways(const Agent& agent) {
    const auto doctor = agent.doctor();
    if (!doctor) return std::unexpected(doctor.error());
    Ways all;
    for (const json& hook : doctor->at("hooks"))
        all[hook.at("name")] = hook.at("way");
    return all;
}

// The agent makes system calls that it should not be able to make; then it has to follow the
// machine as before. What it may, in words.
std::expected<std::string, std::string> refuse(const Options& options, Agent& agent) {
    const auto said = run({options.refused, std::to_string(agent.process().pid())}, refused_limit);
    if (!said) return std::unexpected(said.error());
    std::istringstream lines(*said);
    int refused = 0;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("refused ")) return std::unexpected(line);
        refused++;
    }
    if (!agent.is_ready(Seconds(20))) return std::unexpected("it is not ready after that");
    return std::to_string(refused) + " system calls are refused to it";
}

std::expected<std::string, std::string> as_root(const Options& options, Ways& attached) {
    auto agent = Agent::start(options, refused_test, options.port + port_offset);
    if (!agent) return std::unexpected(agent.error());
    if (auto ready = agent->await_ready(); !ready) return std::unexpected(ready.error());
    auto found = ways(*agent);
    if (!found) return std::unexpected(found.error());
    attached = std::move(*found);
    auto refused = refuse(options, *agent);
    if (const auto wrong = agent->end()) return std::unexpected(*wrong);
    return refused;
}

std::expected<std::string, std::string> as_nobody(const Options& options, const Ways& attached) {
    Options few_options = options;
    few_options.launcher = {"setpriv",
                            "--reuid=65534",
                            "--regid=65534",
                            "--clear-groups",
                            "--no-new-privs",
                            std::string("--bounding-set=") + few,
                            std::string("--inh-caps=") + few,
                            std::string("--ambient-caps=") + few};
    few_options.agent_user.clear();
    auto agent = Agent::start(few_options, nonroot_test, options.port + port_offset);
    if (!agent) return std::unexpected(agent.error());
    if (auto ready = agent->await_ready(); !ready) return std::unexpected(ready.error());
    const auto found = ways(*agent);
    if (!found) return std::unexpected(found.error());
    for (const auto& [hook, way] : *found) {
        const auto at = attached.find(hook);
        const std::string before = at == attached.end() ? "?" : at->second;
        if (way != before)
            return std::unexpected(hook + " is attached by " + way + ", for root by " + before);
    }
    auto refused = refuse(options, *agent);
    if (const auto wrong = agent->end()) return std::unexpected(*wrong);
    if (refused) *refused += "; its " + std::to_string(found->size()) + " hooks are as root's";
    return refused;
}

void tell(Results& results, const std::string& name,
          const std::expected<std::string, std::string>& outcome) {
    results.line((outcome ? "ok " : "not ok ") + name + ": " +
                 (outcome ? *outcome : outcome.error()));
}

}  // namespace

std::vector<std::string> confine_tests() {
    return {refused_test, nonroot_test};
}

void test_confine(const Options& options, Results& results) {
    Ways attached;
    tell(results, refused_test, as_root(options, attached));
    tell(results, nonroot_test, as_nobody(options, attached));
    for (const std::string& name : confine_tests())
        results.file(name + ".log", read_whole(options.directory + '/' + name + ".log"));
}

}  // namespace vmtests
