// SPDX-License-Identifier: Apache-2.0
// One run of a BPF iterator, read in bounded steps.
#pragma once

#include <bpf/libbpf.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace nstrail {

class Iterator {
public:
    /// Starts over. `link` is that of an attached iterator program.
    [[nodiscard]] Result<void> start(const bpf_link* link);
    [[nodiscard]] bool running() const { return static_cast<bool>(file_); }

    /// Lets the program see the next few hundred objects: our programs write a byte for each.
    /// Stops running when it has seen all, or fails.
    [[nodiscard]] Result<void> step();

private:
    Fd file_;
};

}  // namespace nstrail
