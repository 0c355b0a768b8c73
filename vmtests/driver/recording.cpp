// SPDX-License-Identifier: Apache-2.0
#include "recording.hpp"

#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "agent.hpp"
#include "judge.hpp"
#include "load.hpp"
#include "names.hpp"

namespace vmtests {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// Emulation is slow, and a loaded host makes it slower; only failures take this long.
constexpr Seconds command_limit = 120s;
constexpr int port_offset = 2;  // not the port of the other tests' agents
constexpr int storm_ms = 1500;
constexpr int kills = 5;

struct Said {
    int code = -1;
    std::string out;
    std::string err;
};

Said nstrail(const Options& options, std::vector<std::string> words) {
    const std::string out = options.directory + "/said.out";
    const std::string err = options.directory + "/said.err";
    std::filesystem::remove(out);
    std::filesystem::remove(err);
    words.insert(words.begin(), options.nstrail);
    Said said;
    auto child = Child::start(words, {.out = out, .err = err});
    if (!child) return said;
    const auto status = child->wait(command_limit);
    said.code = status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
    said.out = read_whole(out);
    said.err = read_whole(err);
    return said;
}

// The line that begins so, without that; an agent's log ends with the account of its stream.
std::string last_line_with(const std::string& text, const std::string& what) {
    std::string found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.find(what) != std::string::npos) found = line;
    }
    return found;
}
constexpr const char* account = " lost; tasks: ";

std::vector<std::string> recording_to(const std::string& path) {
    return {"--record", path, "--record-max-size", "64M", "--record-compress"};
}

// A replay says what the live run said: the same account, hierarchy, tasks and findings, and the
// same each time.
void replay_equals_live(const Options& options, Results& results) {
    const std::string path = options.directory + "/recording";
    Differences differences;
    auto agent =
        Agent::start(options, "record_agent", options.port + port_offset, recording_to(path));
    auto ready = agent ? agent->await_ready() : std::unexpected(agent.error());
    auto load = Load::start(options);
    if (!ready || !load) {
        return report(results, "record_replay", {ready ? load.error() : ready.error()}, "");
    }
    if (const auto made = load->run("mixed", storm_ms); !made) differences.push_back(made.error());
    if (const std::string wrong = load->end(); !wrong.empty()) differences.push_back(wrong);
    // Nothing but the answer itself happens between this and the end.
    const auto live = agent->text(std::string(names::tree_path));
    if (const auto wrong = agent->end()) differences.push_back(*wrong);
    const std::string said = last_line_with(read_whole(agent->log()), account);

    const Said first = nstrail(options, {"replay", path, "--json"});
    const std::string once = first.out;
    const Said second = nstrail(options, {"replay", path, "--json"});
    if (first.code != 0)
        differences.push_back("replay ends with status " + std::to_string(first.code) + ": " +
                              first.err);
    if (once.empty() || once != second.out) differences.push_back("two replays are not the same");
    const std::string replayed = last_line_with(first.err, account);
    if (said.empty() || replayed != said) {
        differences.push_back("the agent said '" + said + "', the replay '" + replayed + "'");
    }
    const Said check = nstrail(options, {"check", "--json", path});
    const auto checked = parse_json(check.out);
    if (!checked || (check.code != 0 && check.code != 4)) {
        differences.push_back("check ends with status " + std::to_string(check.code) + ": " +
                              check.err);
    } else if (checked->at("gaps") == 0 && check.code != 0) {
        differences.push_back("check is undecided though nothing was lost");
    }
    // The hierarchy of the last moment that the agent told of, from the nearest keyframe.
    const auto told = live ? parse_json(*live) : std::unexpected(live.error());
    if (!told) {
        differences.push_back("agent: " + told.error());
    } else {
        const Said back =
            nstrail(options, {"tree", "--json", "--tasks", "--from", path, "--at",
                              std::to_string(told->at("at_boot_ns").get<std::uint64_t>())});
        auto there = parse_json(back.out);
        if (!there) {
            differences.push_back("tree --at: " + back.err);
        } else {
            for (const char* what : {"namespaces", "tasks"}) {
                if (there->at(what) != told->at(what)) {
                    results.file(std::string("record_replay/") + what + ".then.json",
                                 told->at(what).dump(1));
                    results.file(std::string("record_replay/") + what + ".now.json",
                                 there->at(what).dump(1));
                    differences.push_back(
                        std::string("the ") + what +
                        " of a recorded moment are not those that the agent told");
                }
            }
        }
    }
    report(results, "record_replay", differences, replayed);
}

// Killed in the midst of a storm: every event that it had taken is in the recording.
void killed(const Options& options, Results& results) {
    const std::string path = options.directory + "/killed";
    Differences differences;
    double taken = 0;
    std::size_t found = 0;
    for (int round = 0; round < kills && differences.empty(); ++round) {
        std::filesystem::remove_all(path);
        auto agent =
            Agent::start(options, "record_killed", options.port + port_offset, recording_to(path));
        auto ready = agent ? agent->await_ready() : std::unexpected(agent.error());
        auto load = Load::start(options);
        if (!ready || !load) {
            differences.push_back(ready ? load.error() : ready.error());
            break;
        }
        load->order("mixed", storm_ms);
        std::this_thread::sleep_for(100ms * (2 + (3 * round)));
        const auto metrics = agent->metrics();
        agent->process().signal(SIGKILL);
        agent->process().wait(command_limit);
        load->still(command_limit);
        if (const std::string wrong = load->end(); !wrong.empty()) differences.push_back(wrong);
        if (!metrics) {
            differences.push_back("agent: " + metrics.error());
            break;
        }
        const double delivered = metric(*metrics, "nstrail_delivered_events_total");
        const Said replay = nstrail(options, {"replay", path, "--json"});
        const auto lines = static_cast<std::size_t>(std::ranges::count(replay.out, '\n'));
        if (replay.code != 0 || static_cast<double>(lines) < delivered) {
            differences.push_back("killed after " + std::to_string(delivered) + " events, and " +
                                  std::to_string(lines) + " are in the recording; " + replay.err);
        }
        if (replay.err.find("passed over") != std::string::npos) differences.push_back(replay.err);
        taken += delivered;
        found += lines;
    }
    std::ostringstream ok;
    ok.precision(12);
    ok << kills << " times; at least " << taken << " events were taken, " << found
       << " are in the recordings";
    report(results, "record_killed", differences, ok.str());
}

// The life of one command, from `record -- CMD`, seen at several times.
void command(const Options& options, Results& results) {
    const std::string path = options.directory + "/command";
    Differences differences;
    // A chunk is a tenth of the age.
    const Said recorded =
        nstrail(options, {"record", path, "--max-age", "10s", "--compress", "--", "/bin/sh", "-c",
                          "unshare -p -f -m -n sh -c 'sleep 2; true'; sleep 1; exit 7"});
    if (recorded.code != 7) {
        differences.push_back("record ends with status " + std::to_string(recorded.code) +
                              ", and the command with 7: " + recorded.err);
    }
    std::size_t most = 0;
    std::size_t last = 0;
    for (const char* at :
         {"+1ms", "+100ms", "+400ms", "+800ms", "+1200ms", "+1600ms", "+2s", "+3s", "+1h"}) {
        const auto tree =
            parse_json(nstrail(options, {"tree", "--json", "--from", path, "--at", at}).out);
        if (!tree) {
            differences.push_back(std::string("tree --at ") + at + ": " + tree.error());
            continue;
        }
        last = 0;
        for (const json& ns : tree->at("namespaces"))
            last += ns.at("type") == "pid" ? 1 : 0;
        most = std::max(most, last);
    }
    if (most != 2 || last != 1) {
        differences.push_back("there were " + std::to_string(most) +
                              " pid namespaces at most and " + std::to_string(last) + " at last");
    }
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
        if (entry.is_regular_file()) {
            const std::string name = entry.path().string().substr(options.directory.size() + 1);
            results.file("record_command/" + name, read_whole(entry.path()));
        }
    }
    if (const Said check = nstrail(options, {"check", path}); check.code != 0 && check.code != 4) {
        differences.push_back("check: " + check.out + check.err);
    }
    report(results, "record_command", differences,
           "its pid namespace is there while it runs and not afterwards");
}

}  // namespace

std::vector<std::string> recording_tests() {
    return {"record_replay", "record_killed", "record_command"};
}

void test_recording(const Options& options, Results& results) {
    replay_equals_live(options, results);
    killed(options, results);
    command(options, results);
}

}  // namespace vmtests
