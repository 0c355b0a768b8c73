// SPDX-License-Identifier: Apache-2.0
// What /proc tells about the processes that were there before.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "source/made.hpp"

namespace nstrail {

/// Field 22 of /proc/TID/stat (proc(5)): when the task started, in clock ticks since boot. The name
/// in field 2 may hold any bytes, parentheses and spaces too.
[[nodiscard]] std::optional<std::uint64_t> start_ticks(std::string_view stat);

/// Whether a task that started then, by its stat, can be the one with this start_boottime.
[[nodiscard]] bool same_start(std::uint64_t ticks, std::uint64_t start_boottime_ns,
                              std::uint64_t ticks_per_second);

/// Names the executables of the processes that a snapshot told, in task_exe events. What was born
/// later tells its own, by exec, and needs no look at /proc.
class Executables {
public:
    /// Every event passes here: collects the processes of a snapshot, until one was without loss.
    void take(const Event& event);

    /// Whether step() has work.
    [[nodiscard]] bool pending() const { return collected_ && next_ < processes_.size(); }
    /// Looks at some processes. One that has ended meanwhile, or has no executable, tells nothing.
    void step(const TellMade& tell);

private:
    std::vector<nst_task_ref> processes_;
    std::size_t next_ = 0;
    bool wanted_ = true;      // no snapshot has told all processes yet
    bool collected_ = false;  // the snapshot has ended
    bool lossless_ = false;   // nothing was lost since it began
};

}  // namespace nstrail
