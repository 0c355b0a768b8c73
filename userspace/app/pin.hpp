// SPDX-License-Identifier: Apache-2.0
// The option of the commands whose BPF programs may go on when they end.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "source/live.hpp"

namespace nstrail {

struct PinChoice {
    std::string path;

    void add_to(CLI::App& command);
    /// Says what was found there; nothing where the option was not given.
    void tell(const LiveSource& source) const;
};

}  // namespace nstrail
