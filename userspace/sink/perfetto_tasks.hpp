// SPDX-License-Identifier: Apache-2.0
// The lives of tasks as slices. Inside of sink/perfetto* only.
#pragma once

#include <string>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "sink/perfetto_life.hpp"

namespace nstrail {

/// A process for each pid namespace, a thread in it for each task that lives there. Keeps no more
/// than the model does: what is over is written.
class TaskLives {
public:
    explicit TaskLives(Stage& stage) : stage_(stage) {}

    /// What an event says of births and ends. `wanted`: by the filter.
    void take(const Event& event, const Change& change, bool wanted);
    /// The row of a task that lives, for what happens to it; null where it is not known.
    [[nodiscard]] const Track* row(const TaskRecord& task);
    /// Another session has begun: its keys mean nothing any more, and who is still there it tells.
    void suspend();
    /// Who has not been told since by now is gone.
    void settle();
    /// The stream has ended.
    void finish();

private:
    struct TaskLife : Life {
        std::uint64_t start_boottime_ns = 0;
        std::uint32_t tid = 0;
        std::uint32_t tgid = 0;
        std::uint64_t exiting = 0;  ///< since when, 0 = it is not
        std::uint64_t zombie = 0;
        std::int32_t exit_code = 0;
        bool exit_known = false;
        bool named = false;
        std::string comm;
        std::string born_as;
        PidVector vpids;
    };
    struct Process {
        std::uint32_t number = 0;
        std::uint32_t gen = 0;
        std::uint32_t session = 0;   ///< that gen is of
        std::uint32_t rejoined = 0;  ///< session in which a task was found in it again
        std::uint64_t rejoined_ns = 0;
        std::string name;
        std::string container;
    };
    using Identity = std::pair<std::uint64_t, std::uint32_t>;  // start_boottime, tid

    TaskLife& begin(const TaskRecord& task, bool born);
    TaskLife& touch(const TaskRecord& task, bool born, bool wanted);
    void end(TaskLife& life, std::uint64_t now, Ended ended, std::string_view container);
    void name(TaskLife& life);
    [[nodiscard]] Process& process_of(std::uint32_t inum);
    void name_process(Process& process, const TaskLife& life);

    Stage& stage_;
    boost::unordered_flat_map<std::uint64_t, TaskLife> lives_;  // by key
    boost::unordered_flat_map<Identity, TaskLife> suspended_;
    boost::unordered_flat_map<std::uint32_t, Process> processes_;  // by inode number
};

}  // namespace nstrail
