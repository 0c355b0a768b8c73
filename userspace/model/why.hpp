// SPDX-License-Identifier: Apache-2.0
// What keeps a namespace alive.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/view.hpp"

namespace nstrail {

enum class HoldKind : std::uint8_t {
    task,          ///< a task in it
    zombie,        ///< a zombie: its struct pid or its credentials
    for_children,  ///< a task whose next child will be in it
    child,         ///< a pid or user namespace below it
    owned,         ///< a namespace that this user namespace owns
    file,          ///< an open file of nsfs
    pidfd,         ///< a pidfd of a task that was in it
    socket,        ///< a socket in it of a task that is in another net namespace
    mount,         ///< a bind mount of nsfs
};
[[nodiscard]] std::string_view hold_kind_name(HoldKind kind);

struct Hold {
    HoldKind kind = HoldKind::task;
    std::optional<Task> task;     ///< whose; empty if it has gone since it was found
    std::uint32_t tid = 0;        ///< its tid when it was found; 0 = no task holds it
    std::optional<Namespace> ns;  ///< child, owned: that one; mount: the mount namespace it is in
    std::uint32_t fd = 0;         ///< file, pidfd, socket
    std::string path;             ///< mount
};

struct Why {
    /// Tasks first; of threads of one process only one.
    std::vector<Hold> holds;
    /// Why this may not be all of them, in sentences; empty = it is all that can hold a namespace
    /// from user space, but for mounts that keep one inside the kernel (see doc of why_of).
    std::vector<std::string> doubts;
    /// When files, sockets and mounts were looked at; empty = never.
    std::optional<std::uint64_t> looked_at_boot_ns;
    /// How many references the kernel counted when a snapshot last told the namespace.
    std::optional<std::uint32_t> references;
};

/// Who holds `ns`, a namespace of `view`. Time grows with the numbers of tasks and namespaces.
/// Mounts of procfs, mqueue and sysfs keep a pid, ipc or net namespace too and cannot be told from
/// others of their kind, as no file system says for which namespace it was mounted.
[[nodiscard]] Why why_of(const View& view, const Namespace& ns);

}  // namespace nstrail
