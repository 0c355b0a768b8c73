// SPDX-License-Identifier: Apache-2.0
// What the web server serves of a trace that runs.
#pragma once

#include "sink/web_source.hpp"

namespace nstrail {

class LiveWeb final : public WebSource {
public:
    /// All must outlive it. `stories`: from what has been recorded so far; null = nothing is.
    LiveWeb(ViewBoard& board, EventFeed& feed, StorySource* stories = nullptr)
        : board_(board), feed_(feed), stories_(stories) {}

    [[nodiscard]] bool recorded() const override { return false; }
    [[nodiscard]] Answer<WebAbout> about() override;
    [[nodiscard]] Answer<std::shared_ptr<const Publication>> publication(
        const std::optional<std::string>& at, Part part) override;
    [[nodiscard]] Answer<std::optional<Story>> story(const StoryOf& of) override;
    [[nodiscard]] Answer<std::unique_ptr<EventLines>> events(EventsWanted wanted) override;
    [[nodiscard]] FeedFigures followers() const override { return feed_.figures(); }
    void close() override;

private:
    ViewBoard& board_;
    EventFeed& feed_;
    StorySource* stories_;
};

}  // namespace nstrail
