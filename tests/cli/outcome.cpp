// SPDX-License-Identifier: Apache-2.0
#include "cli/outcome.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace nstrail::test {

Outcome run(const std::string& command) {
    const std::string errors = testing::TempDir() + "cli-" + std::to_string(getpid()) + ".err";
    FILE* pipe =
        popen(("N='" NSTRAIL_BINARY "'; { " + command + "; } 2>'" + errors + "'").c_str(), "r");
    Outcome outcome;
    char buffer[4096];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), pipe)) != 0;) {
        outcome.out.append(buffer, got);
    }
    const int status = pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::stringstream said;
    said << std::ifstream(errors).rdbuf();
    outcome.err = said.str();
    std::filesystem::remove(errors);
    return outcome;
}

void expect_one_clear_line(const Outcome& outcome) {
    EXPECT_TRUE(outcome.err.starts_with("nstrail: ")) << outcome.err;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
}

bool live_possible() {
    static const bool possible = run("$N doctor --json").status == 0;
    return possible;
}

}  // namespace nstrail::test
