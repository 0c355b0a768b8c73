// SPDX-License-Identifier: Apache-2.0
// Bind mounts of namespaces in the text of /proc/TID/mountinfo (proc(5)).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "event/event.hpp"

namespace nstrail {

struct NsName {
    NsType type = NST_ns_type_none;
    std::uint32_t inum = 0;
};

/// "net:[4026532177]", as mountinfo (nsfs_show_path) and the links in /proc/TID/ns (ns_get_name)
/// have it; nothing if it is no such name.
[[nodiscard]] std::optional<NsName> parse_ns_name(std::string_view text);

/// A mount of nsfs: it keeps a namespace alive.
struct NsMount : NsName {
    std::string path;  ///< where, as the task sees it; the bytes it really has
};

/// What one line says, if it is such a mount.
[[nodiscard]] std::optional<NsMount> parse_ns_mount(std::string_view line);

/// A path as mountinfo writes it (mangle_path: \040 for a space), as it is.
[[nodiscard]] std::string unescape_octal(std::string_view text);

}  // namespace nstrail
