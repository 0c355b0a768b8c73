// SPDX-License-Identifier: Apache-2.0
// A recording, or a written stream, as `nstrail top` steps through it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/replay.hpp"
#include "sink/board.hpp"

namespace nstrail {

/// Each moment is reached from the beginning: what the rules found is of all that came before.
class TopRecording {
public:
    /// Told the events so far and how much has been read, as Replay::part(); false = give up.
    using Progress = std::function<bool(std::uint64_t, std::optional<double>)>;

    /// Looks for its beginning and its end.
    [[nodiscard]] static Result<TopRecording> open(const std::string& path,
                                                   const NotableOptions& notable,
                                                   const Progress& progress);

    /// A moment as people name it (see parse_moment()); empty = the end.
    [[nodiscard]] Result<std::uint64_t> moment(const std::string& text) const;
    /// Goes there. Where that fails, also because progress said so, all is as it was.
    [[nodiscard]] Result<void> reach(std::uint64_t at, const Progress& progress);
    /// A hundredth of the recording later or earlier, within it.
    [[nodiscard]] Result<void> step(bool later, const Progress& progress);

    /// What is known there. Null before the first reach().
    [[nodiscard]] const std::shared_ptr<const Publication>& publication() const { return known_; }
    /// Where in it that is, and its path.
    [[nodiscard]] std::string name() const;
    /// What of it could not be read, in lines for stderr; empty = nothing to say.
    [[nodiscard]] const std::string& faults_text() const { return faults_; }
    /// The account up to there, as account_text() has it.
    [[nodiscard]] const std::string& account() const { return account_; }

private:
    TopRecording(std::string path, NotableOptions notable)
        : path_(std::move(path)), notable_(std::move(notable)) {}

    std::string path_;
    NotableOptions notable_;
    RecordingClock clock_;
    std::uint64_t end_ns_ = 0;
    std::uint64_t at_ns_ = 0;
    std::shared_ptr<const Publication> known_;
    std::string faults_;
    std::string account_;
};

}  // namespace nstrail
