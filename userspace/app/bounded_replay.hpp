// SPDX-License-Identifier: Apache-2.0
// A replay that somebody waits for.
#pragma once

#include <atomic>
#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "app/replay.hpp"
#include "sink/web_source.hpp"

namespace nstrail {

/// How long one who asks waits for those before him.
inline constexpr std::chrono::seconds wait_for_others{10};

/// How long an answer may take.
struct Patience {
    std::chrono::seconds longest;
    const std::atomic<bool>& closed;  ///< the server is stopping
    std::string_view advice;          ///< what to do where the recording is too long for it
};

/// Calls step(), which returns a Result, until the replay has ended. Refuses where that fails,
/// takes too long, or nobody wants it any more.
template <class F>
[[nodiscard]] Answer<void> run_bounded(const Replay& replay, const Patience& patience, F&& step) {
    const auto until = std::chrono::steady_clock::now() + patience.longest;
    while (!replay.ended()) {
        if (patience.closed) {
            return refuse(503, "the server is stopping");
        }
        if (std::chrono::steady_clock::now() > until) {
            return refuse(503,
                          fmt::format("the recording is too long to be read for one answer; {}",
                                      patience.advice));
        }
        if (auto stepped = step(); !stepped) {
            return refuse(503, stepped.error().line());
        }
    }
    return {};
}

}  // namespace nstrail
