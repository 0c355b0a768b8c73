// SPDX-License-Identifier: Apache-2.0
//
// An agent under test: its process, and what it answers.
#ifndef NSTRAIL_VMTESTS_AGENT_HPP
#define NSTRAIL_VMTESTS_AGENT_HPP

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

// Emulation is slow, and a loaded host makes it slower; only failures take this long.
inline constexpr Seconds ready_limit{120};
// A real-time kernel takes long to detach kprobes.
inline constexpr Seconds end_limit{60};

// A series by its name with labels, such as nstrail_lost_events_total{cause="ring"}.
using Metrics = std::map<std::string, double>;
// 0 for a series that is not there.
double metric(const Metrics& metrics, const std::string& series);
// Of all series of that name whose labels hold `label`.
double metric_sum(const Metrics& metrics, const std::string& name, const std::string& label = {});

// The last line a log has, "nothing" without one.
std::string log_tail(const std::string& path);
std::expected<nlohmann::json, std::string> parse_json(const std::string& text);

class Agent {
public:
    // Its log is NAME.log in the options' directory. The arguments come after the options' own.
    static std::expected<Agent, std::string> start(const Options& options, const std::string& name,
                                                   int port,
                                                   const std::vector<std::string>& arguments = {});

    // Until /readyz says so. An error is one line.
    std::expected<void, std::string> await_ready();
    bool is_ready(Seconds patience) const;
    std::expected<nlohmann::json, std::string> tree(Seconds patience = Seconds(20)) const;
    std::expected<Metrics, std::string> metrics() const;
    std::expected<nlohmann::json, std::string> doctor() const;
    std::expected<std::string, std::string> text(const std::string& path,
                                                 Seconds patience = Seconds(20)) const;

    Child& process() { return process_; }
    const std::string& log() const { return log_; }
    // As a user would; what went wrong, or nothing.
    std::optional<std::string> end();

private:
    Agent(Child process, std::string log, int port)
        : process_(std::move(process)), log_(std::move(log)), port_(port) {}

    Child process_;
    std::string log_;
    int port_;
};

}  // namespace vmtests

#endif
