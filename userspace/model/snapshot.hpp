// SPDX-License-Identifier: Apache-2.0
// One consistent state, copied out of the World for readers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/account.hpp"
#include "model/namespaces.hpp"
#include "model/task.hpp"

namespace nstrail {

/// Life of a pid namespace; other types are alive or empty.
enum class NsState : std::uint8_t {
    alive,    ///< has tasks
    dying,    ///< its init is exiting, and nobody else is left in it
    zapping,  ///< its init waits for the others to go (zap_pid_ns_processes)
    empty,    ///< no task in it; something else holds it
};
[[nodiscard]] std::string_view ns_state_name(NsState state);

struct Snapshot {
    struct TaskRow {
        Task task;
        std::optional<std::uint32_t> ppid;  ///< 0 = it has none; nothing = not known
    };
    struct NsRow {
        Namespace ns;
        NsState state = NsState::alive;
        std::uint32_t reaper_tid = 0;  ///< pid: who reaps in it, 0 = nobody known
        std::string reaper_comm;
    };
    nst_session session{};
    std::uint64_t at_boot_ns = 0;
    bool certain = false;
    bool synchronized = false;
    std::uint64_t lost = 0;  ///< events lost since the start, all causes
    Account account;
    std::vector<NsRow> namespaces;  ///< by type, then inum
    std::vector<TaskRow> tasks;     ///< by tid
};

}  // namespace nstrail
