// SPDX-License-Identifier: Apache-2.0
#include "soak.hpp"

#include <sstream>

#include "agent.hpp"
#include "judge.hpp"
#include "load.hpp"
#include "names.hpp"
#include "rules.hpp"

namespace vmtests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Seconds settle_limit = 60s;
constexpr Seconds gone_limit = 60s;
constexpr int round_ms = 15'000;

std::string figures(const Metrics& metrics) {
    const auto sum = [&](const char* name) { return metric_sum(metrics, name); };
    std::ostringstream text;
    text.precision(15);
    text << sum("nstrail_delivered_events_total") << " events, " << sum("nstrail_tasks_born_total")
         << " tasks born, " << sum("nstrail_tasks_released_total") << " released, "
         << sum("nstrail_namespaces_created_total") << " namespaces created, "
         << sum("nstrail_lost_events_total") << " lost, " << sum("nstrail_gaps_total") << " gaps, "
         << sum("nstrail_resyncs_total") << " resyncs, "
         << sum("nstrail_process_resident_memory_bytes") / (1 << 20) << " MB";
    return text.str();
}

}  // namespace

void soak(const Options& options, Results& results) {
    const char* const test = "soak";
    auto agent = Agent::start(options, test, options.port);
    if (!agent) return report(results, test, {agent.error()}, "");
    if (auto ready = agent->await_ready(); !ready) {
        return report(results, test, {ready.error()}, "");
    }
    std::vector<NamespaceKey> first;
    if (const auto tree = agent->tree()) first = namespaces_of(*tree);
    auto load = Load::start(options);
    if (!load) return report(results, test, {load.error()}, "");

    Judge judge(options, results, settle_limit);
    judge.allow_past_loss();
    Differences differences;
    Load::Made made;
    int points = 0;
    const auto until = Clock::now() + std::chrono::seconds(options.soak_s);
    while (Clock::now() < until) {
        const auto round = load->run("mixed", round_ms);
        if (!round) {
            differences.push_back(round.error());
            break;
        }
        made = *round;
        // The same names each time: the last documents are kept, or those that differed.
        const std::size_t before = differences.size();
        const std::string where = "quiet point " + std::to_string(++points);
        append(differences, judge.hold(*agent, "soak/quiet", where));
        if (differences.size() != before) {
            append(differences, judge.hold(*agent, "soak/" + std::to_string(points), where));
        }
        if (points % 4 == 0) {
            if (const auto metrics = agent->metrics()) {
                results.line("note soak: " + std::to_string(points) + " quiet points, " +
                             std::to_string(differences.size()) + " differences; " +
                             figures(*metrics));
            }
        }
    }
    if (const std::string wrong = load->end(); !wrong.empty()) differences.push_back(wrong);
    append(differences, left_behind(*agent, first, gone_limit));
    append(differences, judge.hold(*agent, "soak/gone", "the end"));
    std::ostringstream ok;
    ok << points << " quiet points, " << differences.size() << " differences; " << made.tasks
       << " tasks made; ";
    if (const auto metrics = agent->metrics()) {
        ok << figures(*metrics);
        if (metric_sum(*metrics, std::string(names::lost_metric), "damage") != 0) {
            differences.push_back("damaged records");
        }
    }
    const Rules rules = judge_rules(*agent);
    append(differences, rules.differences);
    ok << "; rules: " << rules.said;
    if (const auto text = agent->text("/metrics")) results.file("soak/metrics.txt", *text);
    if (const auto wrong = agent->end()) differences.push_back(*wrong);
    results.file("soak/agent.log", read_whole(agent->log()));
    results.line("note soak: " + ok.str());
    report(results, test, differences, ok.str());
}

}  // namespace vmtests
