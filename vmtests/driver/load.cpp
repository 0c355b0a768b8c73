// SPDX-License-Identifier: Apache-2.0
#include "load.hpp"

#include <nlohmann/json.hpp>

#include "agent.hpp"

namespace vmtests {

// What is under way when the time is over still has to end, on a machine that may be starved.
constexpr Seconds still_limit{90};

std::expected<Load, std::string> Load::start(const Options& options) {
    auto process = Child::start({options.load}, {.out = {}, .err = {}, .in_pipe = true});
    if (!process) return std::unexpected("cannot start the load: " + process.error());
    return Load(std::move(*process));
}

bool Load::order(const std::string& flavour, int ms) {
    return process_.write(flavour + ' ' + std::to_string(ms) + '\n');
}

std::expected<Load::Made, std::string> Load::still(Seconds limit) {
    const auto line = process_.read_line(limit);
    if (!line) return std::unexpected("the load " + line.error());
    if (!*line) return std::unexpected(std::string("the load ended by itself"));
    if (!(*line)->starts_with("still ")) return std::unexpected("the load says " + **line);
    const auto answer = parse_json((*line)->substr(6));
    if (!answer) return std::unexpected("the load: " + answer.error());
    return Made{answer->value("made", std::uint64_t{0}),
                answer->value("namespaces", std::uint64_t{0}),
                answer->value("refused", std::uint64_t{0})};
}

std::expected<Load::Made, std::string> Load::run(const std::string& flavour, int ms) {
    if (!order(flavour, ms)) return std::unexpected(std::string("the load does not listen"));
    return still(Seconds(ms / 1000.0) + still_limit);
}

std::string Load::end() {
    process_.close_input();
    const auto status = process_.wait(still_limit);
    if (!status) return "the load does not end";
    return *status == 0 ? "" : "the load " + describe_status(*status);
}

}  // namespace vmtests
