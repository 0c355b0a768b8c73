// SPDX-License-Identifier: Apache-2.0
// What libbpf and the kernel's verifier say, and what it means for who uses nstrail.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nstrail {

/// Makes libbpf keep what it would print, for the whole process; from any thread.
void capture_libbpf_log();
/// What it kept since the last call.
[[nodiscard]] std::string take_libbpf_log();

/// Why the kernel took no BPF programs: bpf(BPF_PROG_LOAD) failed with this errno, and libbpf said
/// this of it.
[[nodiscard]] Error load_failure(int code, std::string_view log);

}  // namespace nstrail
