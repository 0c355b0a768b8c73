// SPDX-License-Identifier: Apache-2.0
#include "faults.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.hpp"
#include "judge.hpp"
#include "load.hpp"
#include "names.hpp"
#include "rules.hpp"

namespace vmtests {
namespace {

using namespace std::chrono_literals;

constexpr Seconds patience = 60s;
constexpr Seconds command_limit = 120s;
constexpr int port_offset = 4;  // not the port of another test's agent
constexpr int storm_ms = 3000;

std::string why() {
    return std::strerror(errno);
}

// What is done to the agent while the machine is under load: what went wrong, each a line.
using Fault = std::function<Differences(Agent&, int port)>;

struct Test {
    const char* name;
    const char* done;  // in words
    Fault fault;
};

// What each of its open files is, and how often.
std::map<std::string, int> open_files(pid_t pid) {
    std::error_code error;
    std::map<std::string, int> files;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
        std::string what = std::filesystem::read_symlink(entry.path(), error).string();
        // The recording opens its own as it goes on.
        if (what.find("/chunk-") != std::string::npos) continue;
        if (what.starts_with("socket:")) what = "a socket";
        files[what]++;
    }
    return files;
}

// A day back, ten years on, and where it was.
Differences set_clock(Agent&, int) {
    timespec then{};
    timespec before{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    clock_gettime(CLOCK_REALTIME, &then);
    for (const long by : {-86400L, 10L * 365 * 86400}) {
        timespec to = then;
        to.tv_sec += by;
        if (clock_settime(CLOCK_REALTIME, &to) != 0) return {"set the clock: " + why()};
        std::this_thread::sleep_for(700ms);
    }
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    then.tv_sec += now.tv_sec - before.tv_sec;
    if (clock_settime(CLOCK_REALTIME, &then) != 0) return {"set the clock: " + why()};
    return {};
}

Differences take_processors(Agent&, int) {
    const long all = sysconf(_SC_NPROCESSORS_CONF);
    for (int round = 0; round < 3; round++) {
        for (const char* state : {"0", "1"}) {
            for (long cpu = 1; cpu < all; cpu++) {
                const std::string path =
                    "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/online";
                if (!write_text(path, state)) return {"write " + path + ": " + why()};
            }
            std::this_thread::sleep_for(300ms);
        }
    }
    return {};
}

double seconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + (static_cast<double>(now.tv_nsec) / 1e9);
}

// To RAM, until its clock rings. False with EBUSY where the kernel would not, and all go on: the
// clock rang too early (it counts such wake-ups), or user space did not stand still, such as the
// init of a pid namespace, which cannot be frozen while it waits for its tasks
// (zap_pid_ns_processes), and they cannot die once they are.
bool to_ram() {
    const std::string alarm = "/sys/class/rtc/rtc0/wakealarm";
    const std::string wakeups = "/sys/power/wakeup_count";
    const std::string count = read_whole(wakeups);
    return write_text(alarm, "0") && write_text(alarm, "+3") && write_text(wakeups, count) &&
           write_text("/sys/power/state", "mem");
}

// Boottime goes on, monotonic time does not.
Differences suspend(Agent&, int) {
    constexpr int tries = 50;
    if (!write_text("/sys/power/pm_freeze_timeout", "1000"))
        return {"shorten the wait for user space: " + why()};
    for (int round = 0; round < 2; round++) {
        const double before = seconds(CLOCK_BOOTTIME) - seconds(CLOCK_MONOTONIC);
        int refused = 0;
        while (!to_ram()) {
            if (errno != EBUSY || ++refused == tries) return {"suspend the machine: " + why()};
        }
        const double slept = seconds(CLOCK_BOOTTIME) - seconds(CLOCK_MONOTONIC) - before;
        if (slept < 1) return {"it slept for " + std::to_string(slept) + " s"};
    }
    return {};
}

Differences pause(Agent& agent, int) {
    for (int round = 0; round < 3; round++) {
        agent.process().signal(SIGSTOP);
        std::this_thread::sleep_for(700ms);
        agent.process().signal(SIGCONT);
        std::this_thread::sleep_for(100ms);
    }
    return {};
}

// Of each kind a few that go as soon as they have asked, and some that never ask.
Differences come_and_go(Agent& agent, int port) {
    if (!agent.is_ready(patience)) return {"it is not ready"};
    const auto before = open_files(agent.process().pid());
    for (int round = 0; round < 25; round++) {
        for (const char* request : {"", "GET /met", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                                    "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n",
                                    "GET /api/v1/tree?tasks=1 HTTP/1.1\r\nHost: x\r\n\r\n"}) {
            const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(static_cast<std::uint16_t>(port));
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
                const std::string said = why();
                close(client);
                return {"connect: " + said};
            }
            send(client, request, std::strlen(request), MSG_NOSIGNAL);
            if (round % 2 == 0) {
                // Not ended, but reset.
                const linger now{.l_onoff = 1, .l_linger = 0};
                setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            }
            close(client);
        }
    }
    std::string more;
    for (int tries = 0; tries < 300; tries++) {
        more.clear();
        for (const auto& [what, count] : open_files(agent.process().pid())) {
            const auto at = before.find(what);
            if (count > (at == before.end() ? 0 : at->second))
                more += ' ' + what + " (" + std::to_string(count) + ')';
        }
        if (more.empty()) return {};
        std::this_thread::sleep_for(100ms);
    }
    return {"more open files than before:" + more};
}

const std::vector<Test>& tests() {
    static const std::vector<Test> all = {
        {"faults_clock", "the clock was set a day back and ten years on", set_clock},
        {"faults_cpus", "all processors but one went and came three times", take_processors},
        {"faults_suspend", "the machine was suspended twice", suspend},
        {"faults_pause", "it was stopped three times", pause},
        {"faults_clients", "125 clients came and went without a word of farewell", come_and_go},
    };
    return all;
}

constexpr const char* memory_test = "faults_memory";

// What is recorded is checked: what it says of losses, but nothing broken, nothing damaged.
void check_recording(const Options& options, const std::string& path, Differences& differences) {
    const std::string said = options.directory + "/faults-check";
    auto check = Child::start({options.nstrail, "check", path}, {.out = said, .err = said});
    const auto status = check ? check->wait(command_limit) : std::nullopt;
    if (!status || !WIFEXITED(*status) || (WEXITSTATUS(*status) != 0 && WEXITSTATUS(*status) != 4))
        differences.push_back("check of its recording: " + read_whole(said));
    if (read_whole(said).find("passed over") != std::string::npos)
        differences.push_back("its recording is damaged: " + read_whole(said));
}

void under_load(const Options& options, Results& results, const Test& test) {
    const int port = options.port + port_offset;
    const std::string path = options.directory + '/' + test.name;
    Differences differences;
    auto agent = Agent::start(options, test.name, port, {"--record", path});
    auto ready = agent ? agent->await_ready() : std::unexpected(agent.error());
    auto load = Load::start(options);
    if (!ready || !load)
        return report(results, test.name, {ready ? load.error() : ready.error()}, "");
    load->order("mixed", storm_ms);
    append(differences, test.fault(*agent, port));
    if (const auto made = load->still(command_limit); !made) differences.push_back(made.error());
    if (const std::string wrong = load->end(); !wrong.empty()) differences.push_back(wrong);

    Judge judge(options, results, patience);
    judge.allow_past_loss();
    append(differences, judge.hold(*agent, test.name, "after it"));
    append(differences, judge_rules(*agent).differences);
    std::string lost = "?";
    if (const auto metrics = agent->metrics())
        lost = std::to_string(
            static_cast<long>(metric_sum(*metrics, std::string(names::lost_metric))));
    if (const auto wrong = agent->end()) differences.push_back(*wrong);
    check_recording(options, path, differences);
    results.file(std::string(test.name) + ".log", read_whole(agent->log()));
    report(results, test.name, differences,
           std::string(test.done) + "; agent and machine agree, " + lost + " events lost");
}

// The kernel kills it for want of memory: what it took is in its recording, and the next one goes
// on.
void no_memory(const Options& options, Results& results) {
    const int port = options.port + port_offset;
    const std::string path = options.directory + '/' + memory_test;
    const std::string group = "/sys/fs/cgroup/" + std::string(memory_test);
    Differences differences;
    auto agent = Agent::start(options, memory_test, port, {"--record", path});
    auto ready = agent ? agent->await_ready() : std::unexpected(agent.error());
    if (!ready) return report(results, memory_test, {ready.error()}, "");
    write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    std::filesystem::create_directory(group);
    // What it has stays the account's of the group before; what it takes from now on is too much.
    if (!write_text(group + "/memory.max", "65536") ||
        !write_text(group + "/cgroup.procs", std::to_string(agent->process().pid())))
        differences.push_back("put it into " + group + ": " + why());
    auto load = Load::start(options);
    if (!load) return report(results, memory_test, {load.error()}, "");
    if (const auto made = load->run("mixed", storm_ms); !made) differences.push_back(made.error());
    // Each answer takes memory, too.
    std::optional<int> status;
    for (int asked = 0; !status && asked < 100; asked++) {
        (void)http_get(port, "/api/v1/tree?tasks=1", 1s);
        status = agent->process().wait(100ms);
    }
    if (!status || !WIFSIGNALED(*status) || WTERMSIG(*status) != SIGKILL)
        differences.push_back("it was not killed: " +
                              (status ? describe_status(*status) : "it goes on"));
    if (read_whole(group + "/memory.events").find("oom_kill 1") == std::string::npos)
        differences.push_back("not for want of memory: " + read_whole(group + "/memory.events"));
    check_recording(options, path, differences);

    auto next = Agent::start(options, memory_test, port, {"--record", path});
    ready = next ? next->await_ready() : std::unexpected(next.error());
    if (!ready) {
        differences.push_back("the next one: " + ready.error());
    } else {
        if (const auto made = load->run("mixed", storm_ms); !made)
            differences.push_back(made.error());
        if (const std::string wrong = load->end(); !wrong.empty()) differences.push_back(wrong);
        Judge judge(options, results, patience);
        judge.allow_past_loss();
        append(differences, judge.hold(*next, memory_test, "the next one"));
        append(differences, judge_rules(*next).differences);
        if (const auto wrong = next->end()) differences.push_back(*wrong);
        check_recording(options, path, differences);
    }
    std::error_code error;
    std::filesystem::remove(group, error);
    report(results, memory_test, differences,
           "killed for want of memory; its recording is whole, and the next one goes on with it");
}

}  // namespace

std::vector<std::string> fault_tests() {
    std::vector<std::string> names;
    for (const Test& test : tests())
        names.emplace_back(test.name);
    names.emplace_back(memory_test);
    return names;
}

void test_faults(const Options& options, Results& results) {
    for (const Test& test : tests())
        under_load(options, results, test);
    no_memory(options, results);
}

}  // namespace vmtests
