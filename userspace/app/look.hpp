// SPDX-License-Identifier: Apache-2.0
// This host as it is now, or as it was, for commands that answer once.
#pragma once

#include <string>

#include "base/result.hpp"
#include "model/view.hpp"

namespace nstrail {

struct Look {
    View view;
    std::string note;  ///< what the kernel does not show, for TreeOptions::note; empty = nothing
};

/// One snapshot, with all that holds namespaces. Fails where nothing can be traced: that is "not
/// supported here" (exit 4), not "no".
[[nodiscard]] Result<Look> look_once();

/// What a recording, or a written stream, knows of a moment (see parse_time()); by default its
/// last. Says on stderr what could not be read.
[[nodiscard]] Result<Look> look_back(const std::string& from, const std::string& at = {});

}  // namespace nstrail
