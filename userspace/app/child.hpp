// SPDX-License-Identifier: Apache-2.0
// A command that is started held, so that tracing begins before it does anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace nstrail {

class Child {
public:
    [[nodiscard]] static Result<Child> start(const std::vector<std::string>& command);

    [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
    /// Lets it exec; fails with the reason if it cannot.
    [[nodiscard]] Result<void> release(const std::string& name);
    /// Whether it has ended; then status() is what a shell would say.
    [[nodiscard]] bool ended();
    [[nodiscard]] int status() const { return status_; }

private:
    pid_t pid_ = 0;
    Fd gate_;
    Fd report_;
    bool ended_ = false;
    int status_ = 0;
};

}  // namespace nstrail
