// SPDX-License-Identifier: Apache-2.0
// Bind mounts of namespaces in the text of /proc/TID/mountinfo (proc(5)).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "event/event.hpp"

namespace nstrail {

/// A mount of nsfs: it keeps a namespace alive.
struct NsMount {
    NsType type = NST_ns_type_none;
    std::uint32_t inum = 0;
    std::string path;  ///< where, as the task sees it; the bytes it really has
};

/// What one line says, if it is such a mount.
[[nodiscard]] std::optional<NsMount> parse_ns_mount(std::string_view line);

/// A path as mountinfo writes it (mangle_path: \040 for a space), as it is.
[[nodiscard]] std::string unescape_octal(std::string_view text);

}  // namespace nstrail
