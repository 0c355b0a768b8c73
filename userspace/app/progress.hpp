// SPDX-License-Identifier: Apache-2.0
// How far a long piece of work is, on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace nstrail {

/// Says nothing unless stderr is a terminal and the work takes over a second. Goes when it is done.
class Progress {
public:
    /// `quiet`: never, as what is printed goes to the same terminal.
    explicit Progress(bool quiet);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();

    /// `part`: of all, 0 to 1; empty = nobody knows. To be called as often as one likes.
    template <class Part>
    void show(std::uint64_t events, Part&& part) {
        if (!quiet_ && Clock::now() >= due_) {
            paint(events, part());
        }
    }

private:
    using Clock = std::chrono::steady_clock;
    void paint(std::uint64_t events, std::optional<double> part);

    bool quiet_;
    bool painted_ = false;
    Clock::time_point due_;
};

}  // namespace nstrail
