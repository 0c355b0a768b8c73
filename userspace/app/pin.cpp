// SPDX-License-Identifier: Apache-2.0
#include "app/pin.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace nstrail {

void PinChoice::add_to(CLI::App& command) {
    command.add_option("--pin", path,
                       "folder of a BPF file system, e.g. /sys/fs/bpf/nstrail, where the BPF "
                       "programs stay attached when this ends: the next one with this option "
                       "reads on where this one stopped; `rm -r` of the folder ends them");
}

void PinChoice::tell(const LiveSource& source) const {
    if (path.empty()) {
        return;
    }
    const auto& taken = source.taken_over();
    if (!taken) {
        fmt::print(stderr, "nstrail: BPF programs loaded, and pinned in {}\n", path);
        return;
    }
    fmt::print(stderr,
               "nstrail: {} BPF programs taken over from {}, {} bytes of events wait in their "
               "ring; {}\n",
               taken->programs, path, taken->waiting_bytes,
               taken->whole ? "goes on with the session before"
                            : "whoever had them before was killed or kept not all: another "
                              "session begins");
}

}  // namespace nstrail
