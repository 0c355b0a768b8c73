// SPDX-License-Identifier: Apache-2.0
#include "sink/metrics.hpp"

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "sink/sample.hpp"

namespace nstrail {
namespace {

/// Two rules, one of which found something.
Findings sample_findings() {
    Findings findings;
    findings.rules.push_back(
        {.id = "PID1", .checked = 9, .violations = 2, .unknown = 1, .uncheckable = false});
    findings.rules.push_back({.id = "PID2", .uncheckable = true});
    return findings;
}

/// The sample, with all that only metrics tell.
WorldState busy_state() {
    WorldState state = test::sample_state();
    Account& account = state.account;
    account.lifetimes[NST_ns_type_pid].add(500'000'000);
    account.lifetimes[NST_ns_type_pid].add(2'000'000'000);
    account.exit_to_release.add(1);
    account.moves[NST_switch_via_switched][NST_ns_type_net] = 6;
    state.session.pid_max = 32'768;
    NsRecord& host = *state.namespaces.edit(test::outer);
    host.pids_used_known = true;
    host.pids_used = 300;
    // Fuller than the host, and with a limit of its own; its init has begun to exit.
    NsRecord& full = *state.namespaces.edit(test::inner);
    full.pids_used_known = true;
    full.pids_used = 90;
    full.pid_max = 100;
    full.certain = false;
    // One that ends, and one whose use of numbers is not known.
    constexpr std::uint32_t third = test::inner + 1;
    NsRecord& ending = test::add_pid_namespace(state, third, test::outer, 2);
    ending.dying = true;
    ending.dying_since_ns = 3'000'000'000;
    test::add_task(state, 30, "left", {{test::outer, 30}, {third, 2}}).soft = true;
    return state;
}

std::string sample_text() {
    Notices notices;
    notices.counts[static_cast<std::size_t>(Notable::stuck)] = 4;
    SourceFigures source{
        .emitted = 10,
        .delivered = 7,
        .recording_wanted = true,
        .recording = {.events = 90, .lost = 5, .limit_bytes = 4096, .bytes = 1024, .fault = {}}};
    source.programs.push_back({.name = "alloc_pid_fentry", .runs = 3, .ns = 1'500'000'000});
    source.namespace_limits[NST_ns_type_net] = 500;
    return metrics_text(test::view_of(busy_state()), source, sample_findings(), notices,
                        {.clients = 2, .delivered = 30, .dropped = 4, .refused = 1}, {}, "1.2.3");
}

TEST(Metrics, EveryDeclaredMetricHasSamples) {
    const std::string text = sample_text();
#define METRIC(name, type, label, help)                                   \
    EXPECT_NE(text.find("\nnstrail_" #name), std::string::npos) << #name; \
    EXPECT_NE(text.find("# HELP nstrail_" #name " "), std::string::npos) << #name;
#include "sink/metrics.def"
}

TEST(Metrics, FiguresAreThoseOfTheView) {
    const std::string text = sample_text();
    for (const char* line : {
             "nstrail_emitted_events_total 10\n",
             "nstrail_delivered_events_total 7\n",
             "nstrail_lost_events_total{cause=\"ring\"} 3\n",
             "nstrail_namespaces{type=\"pid\"} 3\n",
             "nstrail_namespaces_created_total{type=\"pid\"} 1\n",
             "nstrail_tasks{state=\"alive\"} 3\n",
             "nstrail_tasks{state=\"zombie\"} 1\n",
             "nstrail_pid_allocation_failures_total{errno=\"EAGAIN\"} 2\n",
             "nstrail_pid_allocation_failures_total{errno=\"other\"} 4\n",
             "nstrail_certain 1\n",
             "nstrail_namespace_lifetime_seconds_bucket{type=\"pid\",le=\"1\"} 1\n",
             "nstrail_namespace_lifetime_seconds_bucket{type=\"pid\",le=\"10\"} 2\n",
             "nstrail_namespace_lifetime_seconds_bucket{type=\"pid\",le=\"+Inf\"} 2\n",
             "nstrail_namespace_lifetime_seconds_sum{type=\"pid\"} 2.5\n",
             "nstrail_namespace_lifetime_seconds_count{type=\"net\"} 0\n",
             "nstrail_task_exit_to_release_seconds_count 1\n",
             "nstrail_namespace_limit{type=\"net\"} 500\n",
             "nstrail_namespace_limit{type=\"time\"} Nan\n",
             "nstrail_namespace_moves_total{via=\"switched\",type=\"net\"} 6\n",
             "nstrail_uncertain_namespaces 1\n",
             "nstrail_unconfirmed_tasks 1\n",
             "nstrail_pid_namespaces_by_level{level=\"1\"} 1\n",
             "nstrail_pid_namespaces_by_level{level=\"32\"} 0\n",
             "nstrail_pid_namespace_oldest_teardown_seconds 2\n",
             "nstrail_pid_numbers_used{of=\"host\"} 300\n",
             "nstrail_pid_numbers_limit{of=\"host\"} 32768\n",
             "nstrail_pid_numbers_used{of=\"namespace\"} 90\n",
             "nstrail_pid_numbers_limit{of=\"namespace\"} 100\n",
             "nstrail_pid_numbers_used{of=\"cgroup\"} Nan\n",
             "nstrail_bpf_program_runs_total{program=\"alloc_pid_fentry\"} 3\n",
             "nstrail_bpf_program_seconds_total{program=\"alloc_pid_fentry\"} 1.5\n",
             "nstrail_model_entries{table=\"tasks\"} 4\n",
             "nstrail_model_entries{table=\"namespaces\"} 3\n",
             "nstrail_recording 1\n",
             "nstrail_recorded_events_total 90\n",
             "nstrail_unrecorded_events_total 5\n",
             "nstrail_recording_bytes 1024\n",
             "nstrail_recording_limit_bytes 4096\n",
             "nstrail_rule_checks_total{rule=\"PID1\"} 9\n",
             "nstrail_rule_violations_total{rule=\"PID1\"} 2\n",
             "nstrail_rule_unknown_total{rule=\"PID1\"} 1\n",
             "nstrail_rule_uncheckable{rule=\"PID1\"} 0\n",
             "nstrail_rule_uncheckable{rule=\"PID2\"} 1\n",
             "nstrail_notable_total{what=\"stuck\"} 4\n",
             "nstrail_notable_total{what=\"escape\"} 0\n",
             "nstrail_sse_clients 2\n",
             "nstrail_sse_client_limit 8\n",
             "nstrail_sse_refused_clients_total 1\n",
             "nstrail_sse_sent_lines_total 30\n",
             "nstrail_sse_dropped_lines_total 4\n",
             "nstrail_build_info{version=\"1.2.3\"} 1\n",
         }) {
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    }
}

TEST(Metrics, SeriesDoNotGrowWithTheHost) {
    WorldState large = busy_state();
    for (std::uint32_t i = 1; i <= 1000; i++) {
        test::add_pid_namespace(large, test::inner + i, test::outer, 1);
        test::add_task(large, 1000 + i, "many", {{test::outer, 1000 + i}});
    }
    const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
    SourceFigures source;
    source.programs.push_back({.name = "alloc_pid_fentry"});
    EXPECT_EQ(lines(metrics_text(test::view_of(large), source, sample_findings(), {}, {}, {}, "1")),
              lines(sample_text()));
}

TEST(Metrics, NoSampleIsWrittenTwice) {
    std::istringstream text(sample_text());
    std::set<std::string> seen;
    for (std::string line; std::getline(text, line);) {
        if (!line.starts_with('#')) {
            EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
        }
    }
}

#ifdef PROMTOOL
TEST(Metrics, PromtoolFindsNothingToSay) {
    const std::string file = testing::TempDir() + "nstrail-metrics.txt";
    std::ofstream(file) << sample_text();
    FILE* tool = popen((std::string(PROMTOOL " check metrics < '") + file + "' 2>&1").c_str(), "r");
    ASSERT_NE(tool, nullptr);
    std::string said;
    for (int c = 0; (c = std::fgetc(tool)) != EOF;) {
        said += static_cast<char>(c);
    }
    EXPECT_EQ(pclose(tool), 0);
    EXPECT_EQ(said, "");
}
#endif

}  // namespace
}  // namespace nstrail
