// SPDX-License-Identifier: Apache-2.0
// Requests for chosen pids, as they were made.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "event/event.hpp"

namespace nstrail {

/// A clone3(set_tid) and what came of it.
struct PidRequest {
    std::uint64_t at_boot_ns = 0;
    nst_task_ref actor{};
    std::string comm;                 ///< the actor's
    std::uint32_t pid_namespace = 0;  ///< allocated in
    std::int32_t error = 0;           ///< 0 or a negative errno
    std::uint32_t set_tid_size = 0;
    std::uint64_t capabilities = 0;  ///< the actor's, effective in its user namespace
    std::uint32_t user = 0;          ///< that user namespace
    std::uint32_t euid = 0;
    std::vector<nst_pid_request> levels;  ///< outermost first
};

/// The latest requests for chosen pids, shared by all copies until the next one comes.
struct Requests {
    static constexpr std::size_t kept = 64;

    constexpr Requests() = default;
    Requests(const Requests& other) : all(other.all) {}
    Requests(Requests&&) = delete;
    Requests& operator=(const Requests&) = delete;
    Requests& operator=(Requests&&) = delete;
    constexpr ~Requests() = default;
    void push(PidRequest request) {
        // One move of many, in place of one at each request.
        if (all.size() == 2 * kept) {
            all.erase(all.begin(), all.end() - kept);
        }
        all.push_back(std::move(request));
    }
    /// Oldest first.
    [[nodiscard]] std::span<const PidRequest> latest() const {
        return std::span(all).last(std::min(all.size(), kept));
    }

    std::atomic<std::uint32_t> references{1};  // see Counted
    std::vector<PidRequest> all;
};

}  // namespace nstrail
