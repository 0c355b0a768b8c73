// SPDX-License-Identifier: Apache-2.0
// When a live stream is to say that what was lost has been told (NST_mark_what_audited).
#pragma once

#include <chrono>

#include "event/event.hpp"

namespace nstrail {

/// Two marks after the latest event that a rule may go by: the first may have been on its way when
/// the event came. What a snapshot tells is none, so a quiet host on which one follows the other
/// gets no more of them than a quiet host without: one from time to time, which tells how late it
/// is. One thread.
class AuditMarks {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds every{5};

    explicit AuditMarks(Time now) : told_at_(now) {}

    void delivered(const Event& event) {
        if (!of_snapshot(event)) {
            owed_ = 2;
        }
    }
    [[nodiscard]] bool due(Time now) const { return owed_ != 0 || now - told_at_ >= every; }
    /// One is told.
    void told(Time now) {
        owed_ -= owed_ != 0 ? 1 : 0;
        told_at_ = now;
    }

private:
    /// Written by the iterator of tasks, or by the agent: how things are, not what happens.
    [[nodiscard]] static bool of_snapshot(const Event& event) {
        switch (event.kind()) {
            case NST_KIND_mark:
            case NST_KIND_task_seen:
                return true;
            case NST_KIND_namespace:
                return event.as<nst_namespace>().round != 0;
            case NST_KIND_cgroup:
                return event.as<nst_cgroup>().round != 0;
            default:
                return false;
        }
    }

    int owed_ = 0;
    Time told_at_;
};

}  // namespace nstrail
