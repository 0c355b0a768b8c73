// SPDX-License-Identifier: Apache-2.0
// The binary, run by a shell.
#pragma once

#include <string>

namespace nstrail::test {

struct Outcome {
    int status = -1;  ///< as a shell says it
    std::string out;
    std::string err;
};

/// Runs a shell command line in which $N stands for the binary.
[[nodiscard]] Outcome run(const std::string& command);

/// One line, no stack trace, beginning with the program's name.
void expect_one_clear_line(const Outcome& outcome);

/// A recording made in a virtual machine, of 4 s in which a command made pid, mount and network
/// namespaces: fixtures/README.md tells how.
inline constexpr const char* format_1 = FIXTURES "/recordings/format-1";

/// Whether this kernel and these privileges allow tracing.
[[nodiscard]] bool live_possible();

}  // namespace nstrail::test
