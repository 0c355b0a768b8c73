// SPDX-License-Identifier: Apache-2.0
#include "source/processes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"

namespace nstrail {

namespace {

// At about 20 µs each a step takes a millisecond or two.
constexpr std::size_t processes_per_step = 64;
constexpr std::uint32_t kernel_thread = 0x200000;  // PF_KTHREAD

/// A small file of a process's directory, or nothing.
std::string read_at(int directory, const char* name) {
    const Fd file(openat(directory, name, O_RDONLY | O_CLOEXEC));
    std::array<char, 1024> bytes{};
    const ssize_t got = file ? read(file.get(), bytes.data(), bytes.size()) : -1;
    return got > 0 ? std::string(bytes.data(), static_cast<std::size_t>(got)) : std::string();
}

/// Where /proc/TID/exe points, or nothing. The open directory stands for one process: once that is
/// gone nothing can be read through it, whoever has its number then.
std::string executable_of(const nst_task_ref& task) {
    const Fd directory(
        open(fmt::format("/proc/{}", task.tid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) {
        return {};
    }
    const auto ticks = start_ticks(read_at(directory.get(), "stat"));
    const auto rate = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    if (!ticks || !same_start(*ticks, task.start_boottime_ns, rate)) {
        return {};
    }
    std::array<char, 4096> path{};
    const ssize_t got = readlinkat(directory.get(), "exe", path.data(), path.size());
    return got > 0 ? std::string(path.data(), static_cast<std::size_t>(got)) : std::string();
}

}  // namespace

std::optional<std::uint64_t> start_ticks(std::string_view stat) {
    const auto name_end = stat.rfind(')');
    if (name_end == std::string_view::npos) {
        return std::nullopt;
    }
    stat.remove_prefix(name_end + 1);
    // Behind the name comes a space and then field 3.
    for (int field = 3; field <= 22; field++) {
        const auto space = stat.find(' ');
        if (space == std::string_view::npos) {
            return std::nullopt;
        }
        stat.remove_prefix(space + 1);
    }
    std::uint64_t ticks = 0;
    const auto [end, error] = std::from_chars(stat.data(), stat.data() + stat.size(), ticks);
    if (error != std::errc{} || end == stat.data() + stat.size() || (*end != ' ' && *end != '\n')) {
        return std::nullopt;
    }
    return ticks;
}

bool same_start(std::uint64_t ticks, std::uint64_t start_boottime_ns,
                std::uint64_t ticks_per_second) {
    // nsec_to_clock_t() cuts, it does not round.
    return ticks == start_boottime_ns / (1'000'000'000 / ticks_per_second);
}

void Executables::take(const Event& event) {
    if (!wanted_) {
        return;
    }
    if (event.kind() == NST_KIND_mark) {
        const auto& mark = event.as<nst_mark>();
        if (mark.what == NST_mark_what_snapshot_begin) {
            processes_.clear();
            next_ = 0;
            collected_ = false;
            lossless_ = true;
        } else if (mark.what == NST_mark_what_snapshot_end) {
            collected_ = true;
            wanted_ = !lossless_;
        }
    } else if (event.kind() == NST_KIND_gap) {
        lossless_ = false;
    } else if (event.kind() == NST_KIND_task_seen && !collected_) {
        const auto& seen = event.as<nst_task_seen>();
        if (seen.task.tid == seen.task.tgid && (seen.flags & kernel_thread) == 0 &&
            seen.exit_state == 0) {
            processes_.push_back(seen.task);
        }
    }
}

void Executables::step(const TellMade& tell) {
    const std::size_t end = std::min(processes_.size(), next_ + processes_per_step);
    for (; next_ < end; next_++) {
        const std::string path = executable_of(processes_[next_]);
        if (path.empty()) {
            continue;
        }
        nst_task_exe event{};
        event.task = processes_[next_];
        copy_text(event.path, path);
        tell_made(tell, event);
    }
    if (!pending()) {
        processes_ = {};
        next_ = 0;
    }
}

}  // namespace nstrail
