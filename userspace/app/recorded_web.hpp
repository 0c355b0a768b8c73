// SPDX-License-Identifier: Apache-2.0
// What the web server serves of a recording, or of a written stream.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>

#include "app/replay.hpp"
#include "app/web_story.hpp"
#include "sink/web_source.hpp"

namespace nstrail {

/// Each answer comes from a Replay of its own, which begins at a keyframe where that is enough. Few
/// of them run at once, and what they led to last is kept, so that memory stays bounded. The
/// recording may grow meanwhile.
class RecordedWeb final : public WebSource {
public:
    static constexpr std::size_t most_streams = 4;
    static constexpr std::size_t most_kept = 4;

    /// `path`: as Replay::open() takes it, but stdin, which can be read only once. Reads its end;
    /// of JSON lines all, as nothing else tells when they begin.
    [[nodiscard]] static Result<std::unique_ptr<RecordedWeb>> open(const std::string& path,
                                                                   const NotableOptions& notable);

    /// The hooks that it was made with, as its last session says.
    [[nodiscard]] std::uint64_t hooks() const { return hooks_; }
    /// What of its end could not be read, in lines for stderr; empty = nothing to say.
    [[nodiscard]] const std::string& faults_text() const { return faults_; }

    [[nodiscard]] bool recorded() const override { return true; }
    [[nodiscard]] Answer<WebAbout> about() override;
    [[nodiscard]] Answer<std::shared_ptr<const Publication>> publication(
        const std::optional<std::string>& at, Part part) override;
    [[nodiscard]] Answer<std::optional<Story>> story(const StoryOf& of) override;
    [[nodiscard]] Answer<std::unique_ptr<EventLines>> events(EventsWanted wanted) override;
    [[nodiscard]] FeedFigures followers() const override;
    void close() override;

private:
    friend class RecordedLines;
    /// Where a Replay was led to.
    struct Position {
        std::uint64_t at = UINT64_MAX;
        Part part = Part::state;
        std::string stamp;          ///< of the recording as it was then
        std::uint64_t last_ns = 0;  ///< when its last event was recorded
        std::shared_ptr<const Publication> publication;
    };
    struct KeptStory {
        StoryOf of;
        std::string stamp;
        Story story;
    };

    RecordedWeb(std::string path, NotableOptions notable)
        : path_(std::move(path)), notable_(notable), stories_(path_, std::move(notable)) {}
    [[nodiscard]] Result<void> look();
    [[nodiscard]] Answer<Position> lead_to(std::uint64_t at, Part part);
    [[nodiscard]] Answer<Position> replay_to(std::uint64_t at, Part part) const;
    [[nodiscard]] std::optional<Position> kept(std::uint64_t at, Part part,
                                               const std::string& stamp);
    [[nodiscard]] std::string stamp() const;

    const std::string path_;
    const NotableOptions notable_;
    RecordingClock clock_;
    std::uint64_t hooks_ = 0;
    std::string faults_;
    WebStories stories_;

    std::counting_semaphore<2> places_{2};
    std::mutex lock_;
    std::deque<Position> positions_;  // the latest first
    std::deque<KeptStory> told_;      // likewise
    std::atomic<bool> closed_ = false;
    std::atomic<std::uint64_t> streams_ = 0;
    std::atomic<std::uint64_t> delivered_ = 0;
    std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace nstrail
