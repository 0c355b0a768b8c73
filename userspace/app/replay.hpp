// SPDX-License-Identifier: Apache-2.0
// A stream that was written down - a recording, or JSON lines - through rules and model.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/follow.hpp"
#include "app/options.hpp"
#include "app/times.hpp"
#include "source/recording.hpp"
#include "source/source.hpp"

namespace nstrail {

class Replay {
public:
    /// `path`: a directory that `nstrail record` wrote to, a file that `nstrail live --json --all`
    /// wrote, or - for such lines on stdin.
    [[nodiscard]] static Result<std::unique_ptr<Replay>> open(const std::string& path,
                                                              NotableOptions notable = {});

    /// Begins as late as it can to know all there was at that boottime; before the first step.
    void start_at(std::uint64_t boot_ns);
    /// Ends before the first event after that boottime.
    void end_at(std::uint64_t boot_ns);

    /// Both: begins and ends so that what is in that range is told, with all that was known ahead.
    void limit(const RangeChoice::Range& range);

    /// Takes a piece of the stream. Fails where it cannot be read any further; what came before
    /// stands.
    [[nodiscard]] Result<void> step(const Observer& observer = {});
    [[nodiscard]] bool ended() const { return past_ || source_->ended(); }
    /// boottime of the event that an Observer is called with, as it was recorded: never goes back.
    [[nodiscard]] std::uint64_t now() const { return now_; }
    /// All that is left.
    [[nodiscard]] Result<void> run(const Observer& observer = {});
    void finish() { follower_.finish(); }

    [[nodiscard]] const World& world() const { return follower_.world(); }
    [[nodiscard]] const Checker& checker() const { return follower_.checker(); }
    [[nodiscard]] const Follower& follower() const { return follower_; }
    /// The first event, which says what was hooked, has come.
    [[nodiscard]] bool told() const { return told_; }
    /// What nstrail check ends with, once it is finished: whether the kernel broke a rule, or what
    /// was lost leaves that undecided.
    [[nodiscard]] ExitCode verdict() const;
    /// How much of it has been read, 0 to 1; empty = nobody knows.
    [[nodiscard]] std::optional<double> part() const;
    /// For parse_time(). Of JSON lines nothing is known before they are read.
    [[nodiscard]] RecordingClock clock() const;

    /// What of it could not be read, in lines for stderr; empty = nothing to say.
    [[nodiscard]] std::string faults_text() const;

private:
    explicit Replay(NotableOptions notable) : follower_(std::move(notable)) {}

    std::unique_ptr<Source> source_;
    RecordingSource* recording_ = nullptr;
    Follower follower_;
    std::uint64_t now_ = 0;
    std::uint64_t end_ = UINT64_MAX;
    bool past_ = false;
    bool told_ = false;
};

}  // namespace nstrail
