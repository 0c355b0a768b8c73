// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

namespace vmtests {
namespace {

using nlohmann::json;

constexpr Seconds check_limit{120};

// Both documents have these.
Rules judge(const json& document, bool lossy, const std::string& who) {
    Rules rules;
    double checked = 0;
    double unknown = 0;
    int unseen = 0;
    for (const json& rule : document.at("rules")) {
        checked += rule.at("checked").get<double>();
        unknown += rule.at("unknown").get<double>();
        unseen += rule.at("uncheckable").get<bool>() ? 1 : 0;
    }
    for (const json& finding : document.at("findings")) {
        if (lossy && finding.at("verdict") == "unknown") continue;
        rules.differences.push_back(who + ": " + finding.at("verdict").get<std::string>() + " of " +
                                    finding.at("rule").get<std::string>() + ": " +
                                    finding.at("because").get<std::string>());
    }
    const bool any = unseen < static_cast<int>(document.at("rules").size());
    if (any && checked == 0) rules.differences.push_back(who + " checked nothing");
    rules.said = std::to_string(static_cast<long>(checked)) + " checks, " +
                 std::to_string(static_cast<long>(unknown)) + " unknown, " +
                 std::to_string(unseen) + " rules uncheckable";
    return rules;
}

}  // namespace

Rules judge_rules(const Agent& agent) {
    const auto text = agent.text("/api/v1/findings");
    if (!text) return {.differences = {"agent: " + text.error()}, .said = {}};
    const auto document = parse_json(*text);
    const auto metrics = agent.metrics();
    if (!document) return {.differences = {"agent: " + document.error()}, .said = {}};
    if (!metrics) return {.differences = {"agent: " + metrics.error()}, .said = {}};
    const bool lossy = metric_sum(*metrics, "nstrail_gaps_total") > 0;
    Rules rules = judge(*document, lossy, "agent");
    // The log and the metrics say the same.
    if (metric_sum(*metrics, "nstrail_rule_violations_total") > 0 && rules.differences.empty()) {
        rules.differences.push_back("agent: metrics count violations that it does not show");
    }
    return rules;
}

Rules judge_stream(const Options& options, const std::string& path) {
    const std::string out = options.directory + "/check.json";
    auto check = Child::start({options.nstrail, "check", "--json", path},
                              {.out = out, .err = options.directory + "/check.log"});
    if (!check)
        return {.differences = {"cannot start nstrail check: " + check.error()}, .said = {}};
    const auto status = check->wait(check_limit);
    if (!status) return {.differences = {"nstrail check does not end"}, .said = {}};
    const auto document = parse_json(read_whole(out));
    if (!document) {
        return {.differences = {"nstrail check " + describe_status(*status) + ", saying '" +
                                log_tail(options.directory + "/check.log") + "'"},
                .said = {}};
    }
    const bool lossy = document->at("gaps").get<int>() > 0;
    Rules rules = judge(*document, lossy, "check");
    // The status tells the same: 4 = undecided.
    const int code = WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
    if (rules.differences.empty() && code != 0 && !(lossy && code == 4)) {
        rules.differences.push_back("nstrail check " + describe_status(*status));
    }
    return rules;
}

}  // namespace vmtests
