// SPDX-License-Identifier: Apache-2.0
// How much the web server gives to its clients.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nstrail {

struct WebLimits {
    std::size_t connections = 256;
    std::size_t workers = 20;
    std::size_t head_bytes = 16U << 10;
    std::uint32_t requests_each = 1000;              ///< of one connection
    std::chrono::milliseconds request_time{10'000};  ///< for a handshake and a whole request
    std::chrono::milliseconds idle_time{15'000};     ///< between two requests
};

}  // namespace nstrail
