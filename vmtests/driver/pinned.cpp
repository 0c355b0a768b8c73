// SPDX-License-Identifier: Apache-2.0
#include "pinned.hpp"

#include <cerrno>
#include <cstring>
#include <expected>
#include <filesystem>
#include <sstream>

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace vmtests {
namespace {

using nlohmann::json;

constexpr const char* test = "pinned";
constexpr const char* comm = "pinned-forks";
constexpr const char* file_system = "/tmp/bpf";
constexpr Seconds limit{60};
constexpr int lives = 200;

// Lives of tasks, each with a namespace of its own.
void live_and_die() {
    for (int i = 0; i < lives; i++) {
        const pid_t child = fork();
        if (child == 0) {
            unshare(CLONE_NEWUTS);
            _exit(0);
        }
        waitpid(child, nullptr, 0);
    }
}

std::vector<std::string> recorder(const Options& options, const std::string& recording) {
    std::vector<std::string> command = {
        options.nstrail, "record", recording, "--pin", std::string(file_system) + "/nstrail",
        "--for",         "2s"};
    command.insert(command.end(), options.trace.begin(), options.trace.end());
    return command;
}

// Records three times; a life always begins meanwhile, and between two of them.
std::expected<void, std::string> record_thrice(const Options& options,
                                               const std::string& recording) {
    for (int i = 0; i < 3; i++) {
        const std::string log = options.directory + "/" + test + std::to_string(i) + ".log";
        auto child = Child::start(recorder(options, recording), {.out = log, .err = log});
        if (!child) return std::unexpected(child.error());
        if (i != 0) live_and_die();
        const auto status = child->wait(limit);
        if (!status || *status != 0)
            return std::unexpected("record: " + (status ? describe_status(*status) : "it goes on") +
                                   ": " + read_whole(log));
        if (i != 2) live_and_die();
    }
    return {};
}

std::expected<std::string, std::string> judge(const Options& options,
                                              const std::string& recording) {
    const std::string wanted =
        std::string("kind == task_new and comm == \"") + comm + "\" or kind in (session, gap)";
    const auto told =
        run({options.nstrail, "replay", recording, "--json", "--filter", wanted}, limit);
    if (!told) return std::unexpected(told.error());
    std::istringstream lines(*told);
    int births = 0;
    int skipped = 0;
    std::vector<json> sessions;
    for (std::string line; std::getline(lines, line);) {
        json event = json::parse(line, nullptr, false);
        const std::string kind = event.is_object() ? event.value("kind", "") : "";
        if (kind == "gap") {
            // A program that runs while it runs already is skipped, pinned or not.
            if (event["cause"] != "recursion") return std::unexpected("events were lost: " + line);
            skipped += event["lost"].get<int>();
        }
        births += kind == "task_new" ? 1 : 0;
        if (kind == "session") sessions.push_back(std::move(event));
    }
    // The recorders are children of this process as well.
    constexpr int all = (4 * lives) + 2;
    if (births > all || births + skipped < all)
        return std::unexpected(std::to_string(births) + " births, not " + std::to_string(all));
    if (sessions.size() != 3) return std::unexpected(std::to_string(sessions.size()) + " sessions");
    for (std::size_t i = 1; i < sessions.size(); i++) {
        if (sessions[i]["continues"] != sessions[i - 1]["id"])
            return std::unexpected("a session continues another one: " + sessions[i].dump());
    }
    const auto checked = run({options.nstrail, "check", recording, "--json"}, limit);
    if (!checked) return std::unexpected(checked.error());
    return std::to_string(births) + " births told by three recorders, none lost or twice";
}

std::expected<std::string, std::string> come_and_go(const Options& options) {
    std::filesystem::create_directory(file_system);
    if (mount("bpf", file_system, "bpf", 0, nullptr) != 0)
        return std::unexpected(std::string("mount a BPF file system: ") + std::strerror(errno));
    char before[16] = {};
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, comm);
    const std::string recording = options.directory + "/pinned";
    auto recorded = record_thrice(options, recording);
    prctl(PR_SET_NAME, before);
    auto judged = recorded ? judge(options, recording) : std::unexpected(recorded.error());
    std::filesystem::remove_all(std::string(file_system) + "/nstrail");
    umount2(file_system, MNT_DETACH);
    return judged;
}

}  // namespace

std::vector<std::string> pinned_tests() {
    return {test};
}

void test_pinned(const Options& options, Results& results) {
    const auto outcome = come_and_go(options);
    results.line(std::string(outcome ? "ok " : "not ok ") + test + ": " +
                 (outcome ? *outcome : outcome.error()));
}

}  // namespace vmtests
