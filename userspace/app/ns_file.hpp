// SPDX-License-Identifier: Apache-2.0
// Namespaces as files of nsfs, and their relatives as the kernel tells them (ioctl_ns(2)).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace nstrail {

/// Keeps the namespace alive while it is open.
struct NsFile {
    Fd fd;
    std::uint32_t inum = 0;
};

/// PROC_PID_INIT_INO, PROC_USER_INIT_INO: the initial namespaces, on every kernel.
inline constexpr std::uint32_t initial_pid_inum = 0xEFFFFFFC;
inline constexpr std::uint32_t initial_user_inum = 0xEFFFFFFD;

/// `type` is its CLONE_NEW* flag. Fails if the file cannot be opened, or is no namespace of that
/// type.
[[nodiscard]] Result<NsFile> open_namespace(const std::string& path, int type);

/// Of a pid or user namespace; the error is an errno. EPERM: it is the initial one, or its parent
/// is not to be seen from here.
[[nodiscard]] std::expected<NsFile, int> parent_namespace(const NsFile& ns);
/// The owning user namespace; the error is an errno. EPERM: it is neither the caller's nor below
/// that.
[[nodiscard]] std::expected<NsFile, int> owning_namespace(const NsFile& ns);

/// A pid namespace and its ancestors, innermost first, as far out as the caller's own.
[[nodiscard]] std::vector<NsFile> with_ancestors(NsFile ns);

}  // namespace nstrail
