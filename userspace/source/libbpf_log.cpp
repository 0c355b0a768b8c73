// SPDX-License-Identifier: Apache-2.0
#include "source/libbpf_log.hpp"

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <sstream>
#include <utility>

#include <bpf/libbpf.h>
#include <fmt/format.h>

namespace nstrail {

namespace {

std::mutex log_lock;
std::string log_text;

int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) {
        return 0;
    }
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    const std::scoped_lock hold(log_lock);
    if (length > 0) {
        const std::size_t before = log_text.size();
        log_text.resize(before + static_cast<std::size_t>(length) + 1);
        std::vsnprintf(log_text.data() + before, static_cast<std::size_t>(length) + 1, format,
                       again);
        log_text.pop_back();
    }
    va_end(again);
    return length;
}

/// The one line of libbpf's log that names the cause: what the verifier said last before its
/// statistics, with the program's name, else the log's last line.
std::string cause_in(std::string_view log) {
    std::string program;
    std::string verdict;
    std::string previous;
    std::istringstream lines{std::string(log)};
    for (std::string line; std::getline(lines, line); previous = line) {
        if (line.starts_with("libbpf: prog '") && program.empty()) {
            program = line.substr(8, line.find(':', 8) - 8);
        }
        if (line.starts_with("processed ") && verdict.empty()) {
            verdict = previous;
        }
    }
    return verdict.empty() ? previous : program + ": " + verdict;
}

}  // namespace

void capture_libbpf_log() {
    libbpf_set_print(keep_log);
}

std::string take_libbpf_log() {
    const std::scoped_lock hold(log_lock);
    return std::exchange(log_text, {});
}

Error load_failure(int code, std::string_view log) {
    const std::string why = fmt::format("{} ({})", fail("", code).error().why, cause_in(log));
    // LOCKDOWN_BPF_READ_KERNEL takes the helper away from everybody (bpf_tracing_func_proto); the
    // verifier says it in other words since 6.8.
    if (why.contains("cannot use helper bpf_probe_read") ||
        why.contains("unknown func bpf_probe_read")) {
        return {.what = "load the BPF programs",
                .why = "this kernel lets no program read its memory: " + why,
                .next = "see /sys/kernel/security/lockdown; boot with lockdown=integrity or none"};
    }
    return {.what = "load the BPF programs",
            .why = why,
            .next = "NSTRAIL_BPF_LOG=1 prints all that the kernel says"};
}

}  // namespace nstrail
