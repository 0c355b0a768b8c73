// SPDX-License-Identifier: Apache-2.0
// Stories for the web server: told from a recording, one at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "rules/notable.hpp"
#include "sink/web_source.hpp"

namespace nstrail {

/// Any thread. A story is told in a thread of its own which yields to all others, as to trace must
/// not wait for it; it is bounded in lines and in time.
class WebStories final : public StorySource {
public:
    /// Of a story the first and the last lines are kept, that many each.
    static constexpr std::size_t most_each = 500;

    /// `path`: as Replay::open() takes it.
    WebStories(std::string path, NotableOptions notable)
        : path_(std::move(path)), notable_(std::move(notable)) {}

    [[nodiscard]] Answer<Story> tell(const StoryOf& of) override;
    void close() override { closed_ = true; }

private:
    [[nodiscard]] Answer<Story> read(const StoryOf& of) const;

    const std::string path_;
    const NotableOptions notable_;
    std::timed_mutex one_;
    std::atomic<bool> closed_ = false;
};

}  // namespace nstrail
