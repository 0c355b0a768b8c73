// SPDX-License-Identifier: Apache-2.0
// The system calls that a daemon needs once it is set up, and no others.
#pragma once

#include <span>

#include "base/result.hpp"

namespace nstrail {

/// From here on the calling thread, and those that it starts, can make only the system calls that
/// following the kernel's programs, recording, serving and shipping take; each other one fails with
/// EPERM (seccomp(2), through libseccomp). So even code that is not nstrail's could not start a
/// program, trace or signal a process, enter or make a namespace, mount, load kernel code or
/// another BPF program, or map memory that is both written and run. Also sets no_new_privs. Under a
/// sanitizer, which makes system calls of its own, it sets only that. `bpf_commands`: those of
/// bpf(2).
[[nodiscard]] Result<void> filter_system_calls(std::span<const int> bpf_commands);

}  // namespace nstrail
