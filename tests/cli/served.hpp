// SPDX-License-Identifier: Apache-2.0
// The binary as a server, from outside.
#pragma once

#include <string>
#include <vector>

#include <httplib.h>
#include <sys/types.h>

#include <nlohmann/json.hpp>

namespace nstrail::test {

/// A child that serves until this is destroyed.
class Served {
public:
    /// The binary's arguments, or those of a program that becomes it; waits for the line that says
    /// where it serves.
    explicit Served(const std::vector<std::string>& arguments,
                    const std::string& program = NSTRAIL_BINARY);
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;
    ~Served();

    [[nodiscard]] pid_t pid() const { return child_; }
    [[nodiscard]] int port() const { return port_; }
    /// "http" or "https".
    [[nodiscard]] const std::string& scheme() const { return scheme_; }
    /// Plain, from 127.0.0.1.
    [[nodiscard]] httplib::Result get(const std::string& path) const;
    [[nodiscard]] nlohmann::json json(const std::string& path) const;
    /// Asks it to end, and waits: its exit code.
    int stop();

private:
    pid_t child_ = -1;
    int out_ = -1;
    int port_ = 0;
    std::string scheme_;
};

}  // namespace nstrail::test
