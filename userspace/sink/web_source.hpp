// SPDX-License-Identifier: Apache-2.0
// Where the web server has from what it serves: a trace that runs, or a recording.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event/filter.hpp"
#include "sink/board.hpp"
#include "sink/card.hpp"
#include "sink/event_feed.hpp"

namespace nstrail {

/// Why a request is not answered: a status of HTTP, and a line for whoever asked.
struct Refusal {
    int status = 400;
    std::string line;
};

template <class T>
using Answer = std::expected<T, Refusal>;

[[nodiscard]] inline std::unexpected<Refusal> refuse(int status, std::string line) {
    return std::unexpected(Refusal{.status = status, .line = std::move(line)});
}

/// What the document nstrail.about/1 says; empty = not known, or does not apply.
struct WebAbout {
    std::string boot_id;
    std::optional<std::uint64_t> begin_boot_ns;
    std::optional<std::uint64_t> end_boot_ns;
    std::uint64_t wall_offset_ns = 0;  ///< CLOCK_REALTIME minus CLOCK_BOOTTIME
    std::string recording;             ///< its path
    std::optional<std::uint64_t> boots;
};

/// Whose story: a task by its tid, or a namespace by its inode number.
struct StoryOf {
    bool task = false;
    std::uint32_t number = 0;
};

/// Tells stories from what was recorded. Any thread may call.
class StorySource {
public:
    StorySource() = default;
    StorySource(const StorySource&) = delete;
    StorySource& operator=(const StorySource&) = delete;
    virtual ~StorySource() = default;

    [[nodiscard]] virtual Answer<Story> tell(const StoryOf& of) = 0;
    /// Ends what is being told, and refuses what is asked for.
    virtual void close() = 0;
};

/// Which events: times as people write them.
struct EventsWanted {
    std::optional<Filter> filter;
    std::optional<std::string> begin;
    std::optional<std::string> end;
    std::optional<std::uint64_t> last;  ///< only so many, the last
};

/// The lines of a stream of events for one client. One thread at a time.
class EventLines {
public:
    EventLines() = default;
    EventLines(const EventLines&) = delete;
    EventLines& operator=(const EventLines&) = delete;
    virtual ~EventLines() = default;

    /// What has come since, at most about `bytes` of it; waits for the first about that long.
    [[nodiscard]] virtual std::vector<EventFeed::Line> take(std::chrono::milliseconds patience,
                                                            std::size_t bytes) = 0;
    /// There will be no more.
    [[nodiscard]] virtual bool ended() const = 0;
    /// Of a recording, once ended: how many lines there were in all.
    [[nodiscard]] virtual std::optional<std::uint64_t> told() const = 0;
    /// Why it ended before its end; empty = it did not.
    [[nodiscard]] virtual std::string fault() const = 0;
};

/// Any thread may call; an answer may take its time, of a long recording two minutes at most.
class WebSource {
public:
    WebSource() = default;
    WebSource(const WebSource&) = delete;
    WebSource& operator=(const WebSource&) = delete;
    virtual ~WebSource() = default;

    [[nodiscard]] virtual bool recorded() const = 0;
    [[nodiscard]] virtual Answer<WebAbout> about() = 0;

    /// What an answer needs of a Publication: findings and counters are of all that came before,
    /// which for a recording means to read all of it.
    enum class Part : std::uint8_t { state, account };
    /// At a time as people write it: of a recording any, else its end; of a trace that runs only
    /// now, and a time is refused.
    [[nodiscard]] virtual Answer<std::shared_ptr<const Publication>> publication(
        const std::optional<std::string>& at, Part part) = 0;

    /// Empty = there is nothing that it could be told from.
    [[nodiscard]] virtual Answer<std::optional<Story>> story(const StoryOf& of) = 0;
    [[nodiscard]] virtual Answer<std::unique_ptr<EventLines>> events(EventsWanted wanted) = 0;
    [[nodiscard]] virtual FeedFigures followers() const = 0;
    /// Nothing more is asked for: whoever waits is let go.
    virtual void close() = 0;
};

}  // namespace nstrail
