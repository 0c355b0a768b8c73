// SPDX-License-Identifier: Apache-2.0
#include "app/look.hpp"

#include <fmt/format.h>

#include "app/hidden.hpp"
#include "app/pipeline.hpp"
#include "app/replay.hpp"
#include "app/times.hpp"

namespace nstrail {

Result<Look> look_once() {
    LiveOptions options;
    options.hooks.choice = HookChoice::snapshot;
    options.canary = false;
    options.ring_bytes = 16U << 20;
    auto source = LiveSource::open(options);
    if (!source) {
        return std::unexpected(source.error());
    }
    Pipeline pipeline(std::move(*source));
    if (auto done = pipeline.synchronize(std::chrono::seconds(30)); !done) {
        return std::unexpected(done.error());
    }
    View view = pipeline.world().view();
    return Look{.view = std::move(view), .note = hidden_note(hidden_tasks(pipeline))};
}

Result<Look> look_back(const std::string& from, const std::string& at_text) {
    auto opened = Replay::open(from);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    Replay& replay = **opened;
    const RecordingClock clock = replay.clock();
    std::uint64_t at = UINT64_MAX;
    if (!at_text.empty()) {
        const auto parsed = parse_moment(at_text, clock);
        if (!parsed) {
            return std::unexpected(parsed.error());
        }
        at = *parsed;
    }
    replay.start_at(at);
    replay.end_at(at);
    auto run = replay.run();
    fmt::print(stderr, "{}", replay.faults_text());
    if (!run) {
        return std::unexpected(run.error());
    }
    return Look{.view = replay.world().view(), .note = {}};
}

}  // namespace nstrail
