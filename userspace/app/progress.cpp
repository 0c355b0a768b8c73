// SPDX-License-Identifier: Apache-2.0
#include "app/progress.hpp"

#include <cstdio>
#include <string>

#include <unistd.h>

#include <fmt/format.h>

namespace nstrail {

Progress::Progress(bool quiet)
    : quiet_(quiet || isatty(STDERR_FILENO) == 0), due_(Clock::now() + std::chrono::seconds(1)) {}

void Progress::paint(std::uint64_t events, std::optional<double> part) {
    constexpr std::size_t width = 30;
    std::string bar;
    if (part) {
        const auto full = static_cast<std::size_t>(*part * static_cast<double>(width));
        bar = fmt::format("[{:<{}}] {:3.0f} %  ", std::string(full, '#'), width, *part * 100);
    }
    // The rest of the line is erased: a shorter one may follow.
    fmt::print(stderr, "\r{}{} events\x1b[K", bar, events);
    std::fflush(stderr);
    painted_ = true;
    due_ = Clock::now() + std::chrono::milliseconds(200);
}

Progress::~Progress() {
    if (painted_) {
        fmt::print(stderr, "\r\x1b[K");
    }
}

}  // namespace nstrail
