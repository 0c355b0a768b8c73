// SPDX-License-Identifier: Apache-2.0
// What shipping has done so far.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace nstrail {

/// Counts; but for the last four they only grow.
struct ShipFigures {
    std::uint64_t packets = 0;        ///< acknowledged
    std::uint64_t bytes = 0;          ///< acknowledged, as they were sent
    std::uint64_t messages = 0;       ///< acknowledged
    std::uint64_t doubles = 0;        ///< of these, what the stream had already
    std::uint64_t failures = 0;       ///< tries that led to nothing
    std::uint64_t lost = 0;           ///< packets dropped from the disk before they were shipped
    std::uint64_t waiting_bytes = 0;  ///< on disk and not acknowledged
    bool connected = false;
    std::chrono::seconds stuck{0};  ///< since when nothing can be shipped
    std::string fault;              ///< why; empty = all is well
};

}  // namespace nstrail
