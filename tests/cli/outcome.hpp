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

/// Whether this kernel and these privileges allow tracing.
[[nodiscard]] bool live_possible();

}  // namespace nstrail::test
