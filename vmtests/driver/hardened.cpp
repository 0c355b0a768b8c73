// SPDX-License-Identifier: Apache-2.0
#include "hardened.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/mount.h>

#include "agent.hpp"
#include "judge.hpp"
#include "load.hpp"
#include "rules.hpp"

namespace vmtests {
namespace {

constexpr Seconds patience{60};
constexpr int port_offset = 5;  // not the port of another test's agent
constexpr int storm_ms = 2000;
constexpr int unsupported = 4;  // the exit status of a host that nstrail cannot trace

struct Setting {
    const char* name;  // below /proc/sys
    const char* value;
};

// Those of kernel.org's and distributions' advice that a machine can take while it runs.
constexpr Setting settings[] = {
    {"kernel/unprivileged_bpf_disabled", "1"},
    {"kernel/kptr_restrict", "2"},
    {"kernel/dmesg_restrict", "1"},
    {"kernel/perf_event_paranoid", "3"},
    {"kernel/yama/ptrace_scope", "3"},
    {"kernel/kexec_load_disabled", "1"},
    {"kernel/modules_disabled", "1"},
    {"kernel/sysrq", "0"},
    {"kernel/randomize_va_space", "2"},
    {"net/core/bpf_jit_harden", "2"},
    {"vm/unprivileged_userfaultfd", "0"},
    {"fs/protected_symlinks", "1"},
    {"fs/protected_hardlinks", "1"},
    {"fs/suid_dumpable", "0"},
};

std::string lockdown() {
    mount("securityfs", "/sys/kernel/security", "securityfs", 0, nullptr);
    const std::string all = read_whole("/sys/kernel/security/lockdown");
    const std::size_t from = all.find('[');
    const std::size_t to = all.find(']');
    return from == std::string::npos || to == std::string::npos
               ? "none"
               : all.substr(from + 1, to - from - 1);
}

Differences harden() {
    Differences differences;
    for (const Setting& setting : settings) {
        const std::string path = std::string("/proc/sys/") + setting.name;
        if (!write_text(path, setting.value))
            differences.push_back("write " + path + ": " + std::strerror(errno));
    }
    if (mount(nullptr, "/proc", nullptr, MS_REMOUNT, "hidepid=invisible") != 0)
        differences.push_back(std::string("hide processes in /proc: ") + std::strerror(errno));
    return differences;
}

}  // namespace

void test_hardened(const Options& options, Results& results) {
    Differences differences;
    if (const std::string level = lockdown(); level != "integrity")
        differences.push_back("the machine's lockdown is " + level);
    append(differences, harden());
    auto agent = Agent::start(options, hardened_test, options.port + port_offset);
    auto ready = agent ? agent->await_ready() : std::unexpected(agent.error());
    auto load = Load::start(options);
    if (!ready || !load)
        return report(results, hardened_test, {ready ? load.error() : ready.error()}, "");
    if (const auto made = load->run("mixed", storm_ms); !made) differences.push_back(made.error());
    if (const std::string wrong = load->end(); !wrong.empty()) differences.push_back(wrong);
    Judge judge(options, results, patience);
    judge.allow_past_loss();
    append(differences, judge.hold(*agent, hardened_test, "after the storm"));
    append(differences, judge_rules(*agent).differences);
    if (const auto doctor = agent->doctor(); !doctor) {
        differences.push_back(doctor.error());
    } else if (doctor->at("mode") != "full") {
        differences.push_back("its mode is " + doctor->at("mode").dump());
    }
    if (const auto wrong = agent->end()) differences.push_back(*wrong);
    results.file("hardened.log", read_whole(agent->log()));
    report(results, hardened_test, differences,
           "lockdown=integrity and " + std::to_string(std::size(settings)) +
               " settings; agent and machine agree");
}

void test_locked(const Options& options, Results& results) {
    Differences differences;
    if (const std::string level = lockdown(); level != "confidentiality")
        differences.push_back("the machine's lockdown is " + level);
    auto agent = Agent::start(options, locked_test, options.port + port_offset);
    if (!agent) return report(results, locked_test, {agent.error()}, "");
    const auto status = agent->process().wait(ready_limit);
    const std::string said = read_whole(agent->log());
    if (!status || !WIFEXITED(*status) || WEXITSTATUS(*status) != unsupported)
        differences.push_back("the agent " + (status ? describe_status(*status) : "goes on"));
    if (said.find("lets no program read its memory") == std::string::npos ||
        std::ranges::count(said, '\n') != 1)
        differences.push_back("the agent says '" + said + "'");
    report(results, locked_test, differences, said.substr(0, said.find('\n')));
}

}  // namespace vmtests
