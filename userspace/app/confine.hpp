// SPDX-License-Identifier: Apache-2.0
// What a daemon gives up once its programs are attached: from then on it reads what others say, and
// has nothing to change.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "base/result.hpp"
#include "source/live.hpp"

namespace nstrail {

struct ConfineChoice {
    std::string user;         ///< NAME or UID:GID to change to; empty = stay who it is
    bool unconfined = false;  ///< give up nothing

    void add_to(CLI::App& command);
};

/// Changes the user, gives up all capabilities but those that looking at tasks of others needs, and
/// all system calls but those that are used from here on (filter_system_calls). Cannot be taken
/// back, and holds for the calling thread and those that it starts: to be called while it is the
/// only one. `source`: what has to go on working; where a kernel, older than 5.19, wants CAP_BPF
/// for that, it is kept. Returns what was kept, in words for a log.
[[nodiscard]] Result<std::string> confine(const ConfineChoice& choice, const LiveSource& source);

}  // namespace nstrail
