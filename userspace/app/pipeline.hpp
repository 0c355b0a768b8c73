// SPDX-License-Identifier: Apache-2.0
// Source → rules → model, with the snapshots that the model asks for.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "app/follow.hpp"
#include "sink/board.hpp"
#include "sink/recorder.hpp"
#include "source/live.hpp"

namespace nstrail {

/// Set by SIGINT and SIGTERM after catch_signals(); commands end cleanly when it is.
[[nodiscard]] bool stop_requested();
/// A SIGHUP came since this was last asked; without catch_reload() one ends the process.
[[nodiscard]] bool take_reload_request();
void catch_reload();
void catch_signals();

class Pipeline {
public:
    explicit Pipeline(std::unique_ptr<LiveSource> source, NotableOptions notable = {})
        : source_(std::move(source)), follower_(std::move(notable)) {}

    /// One look at the source; asks for a snapshot where the model wants one, and in the reduced
    /// mode from time to time, because there a switch of namespaces may show nowhere else.
    [[nodiscard]] Result<void> step(const Observer& observer = {});
    /// Asks for what holds namespaces besides tasks not only once, after the first snapshot, but
    /// from time to time.
    void keep_holders() { holders_.kept = true; }
    /// Records the stream, from its first event on; to be called before the first step. That the
    /// recording cannot be opened is an error of the step that tells the first event.
    void record(WriterOptions options) { recorder_.emplace(std::move(options)); }
    /// A new chunk of the recording begins as soon as it can.
    void rotate() {
        if (recorder_) {
            recorder_->rotate();
        }
    }
    /// Null where nothing is recorded, or not yet.
    [[nodiscard]] const Writer* writer() const { return recorder_ ? recorder_->writer() : nullptr; }
    /// Writes what is left of the recording. Returns its last figures.
    WriterFigures close_recording();
    /// Steps until the first snapshot is complete, and what else holds namespaces and the
    /// executables of its processes are told. Fails if the snapshot is not within `patience`.
    [[nodiscard]] Result<void> synchronize(std::chrono::milliseconds patience,
                                           const Observer& observer = {});
    /// Steps until what had been written when it was called has been read (bounded).
    [[nodiscard]] Result<void> settle(const Observer& observer = {});
    /// Settles and looks for losses a last time, so that all that the rules found becomes final.
    [[nodiscard]] Result<void> finish(const Observer& observer = {});
    /// The last call, where all that it took is kept: whoever takes over goes on with it.
    void hand_over() { source_->hand_over(); }
    /// How long there is nothing to do.
    [[nodiscard]] std::chrono::milliseconds pause() const { return source_->pause(); }

    [[nodiscard]] const World& world() const { return follower_.world(); }
    /// Its news() is of the event that an Observer is called with: marks and gaps make findings
    /// final.
    [[nodiscard]] const Checker& checker() const { return follower_.checker(); }
    [[nodiscard]] const Follower& follower() const { return follower_; }
    [[nodiscard]] const LiveSource& source() const { return *source_; }
    [[nodiscard]] SourceFigures figures() const;
    /// A snapshot with all that readers need.
    [[nodiscard]] std::shared_ptr<Publication> publication() const;

private:
    using Clock = std::chrono::steady_clock;
    void take(const Event& event, const Observer& observer);
    [[nodiscard]] bool wants_snapshot(Clock::time_point now) const;
    [[nodiscard]] bool wants_holders(Clock::time_point now) const;

    std::unique_ptr<LiveSource> source_;
    Follower follower_;
    std::optional<Recorder> recorder_;
    Clock::time_point snapshot_asked_{};
    Clock::time_point snapshot_ended_{};
    // Rounds are measured in time on a CPU: one that a busy host drew out may be repeated soon.
    std::chrono::nanoseconds snapshot_began_{0};
    std::chrono::nanoseconds snapshot_took_{0};
    bool snapshot_running_ = false;
    int fruitless_ = 0;  // snapshots in a row that left doubt
    struct {
        Clock::time_point asked{};
        Clock::time_point ended{};
        std::chrono::nanoseconds began{0};
        std::chrono::nanoseconds took{0};
        bool running = false;
        bool spoiled = false;  // something was lost since it was asked for
        bool kept = false;
    } holders_;
};

}  // namespace nstrail
