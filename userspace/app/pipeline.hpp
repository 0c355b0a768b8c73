// SPDX-License-Identifier: Apache-2.0
// Source → model, with the snapshots that the model asks for.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "model/world.hpp"
#include "sink/board.hpp"
#include "source/live.hpp"

namespace nstrail {

/// Set by SIGINT and SIGTERM after catch_signals(); commands end cleanly when it is.
[[nodiscard]] bool stop_requested();
void catch_signals();

class Pipeline {
public:
    /// Called after the model has taken the event in.
    using Observer = std::function<void(const Event&, const Change&)>;

    explicit Pipeline(std::unique_ptr<LiveSource> source) : source_(std::move(source)) {}

    /// One look at the source; asks for a snapshot where the model wants one, and in the reduced
    /// mode from time to time, because there a switch of namespaces may show nowhere else.
    [[nodiscard]] Result<void> step(const Observer& observer = {});
    /// Steps until the first snapshot is complete. Fails if it is not within `patience`.
    [[nodiscard]] Result<void> synchronize(std::chrono::milliseconds patience,
                                           const Observer& observer = {});
    /// Steps until what had been written when it was called has been read (bounded).
    [[nodiscard]] Result<void> settle(const Observer& observer = {});
    /// How long there is nothing to do.
    [[nodiscard]] std::chrono::milliseconds pause() const { return source_->pause(); }

    [[nodiscard]] const World& world() const { return world_; }
    [[nodiscard]] const LiveSource& source() const { return *source_; }
    [[nodiscard]] SourceFigures figures() const;
    /// A snapshot with all that readers need.
    [[nodiscard]] std::shared_ptr<Publication> publication() const;

private:
    std::unique_ptr<LiveSource> source_;
    World world_;
    std::chrono::steady_clock::time_point snapshot_asked_{};
    std::chrono::steady_clock::time_point snapshot_ended_{};
    std::chrono::milliseconds snapshot_took_{0};
    bool snapshot_running_ = false;
    int fruitless_ = 0;  // snapshots in a row that left doubt
};

/// One line with the final figures, for stderr.
[[nodiscard]] std::string final_account(const Pipeline& pipeline);

}  // namespace nstrail
