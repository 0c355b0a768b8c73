// SPDX-License-Identifier: Apache-2.0
#include "app/web_story.hpp"

#include <deque>
#include <string_view>
#include <thread>

#include <sys/resource.h>

#include "app/bounded_replay.hpp"
#include "app/printer.hpp"
#include "app/story.hpp"

namespace nstrail {

namespace {

constexpr std::chrono::seconds time_to_tell{30};
constexpr int low_priority = 15;

/// Keeps the first lines and the last.
class Lines {
public:
    void add(std::string_view line) {
        if (first_.size() < WebStories::most_each) {
            first_.emplace_back(line);
            return;
        }
        last_.emplace_back(line);
        if (last_.size() > WebStories::most_each) {
            last_.pop_front();
            cut_++;
        }
    }
    [[nodiscard]] Story story() && {
        Story made{.lines = std::move(first_), .cut = cut_};
        std::ranges::move(last_, std::back_inserter(made.lines));
        return made;
    }

private:
    std::vector<std::string> first_;
    std::deque<std::string> last_;
    std::uint64_t cut_ = 0;
};

}  // namespace

Answer<Story> WebStories::read(const StoryOf& of) const {
    auto opened = Replay::open(path_, notable_);
    if (!opened) {
        return refuse(503, opened.error().line());
    }
    Replay& replay = **opened;
    StoryTeller teller(replay, {.task = of.task, .number = of.number}, true);
    Lines lines;
    const auto take = [&] {
        take_lines(teller.out(), [&](std::string_view line) { lines.add(line); });
    };
    const auto run = run_bounded(
        replay,
        {.longest = time_to_tell, .closed = closed_, .advice = "use nstrail story --from REC"},
        [&] {
            auto stepped = teller.step();
            take();
            return stepped;
        });
    if (!run) {
        return std::unexpected(run.error());
    }
    teller.finish();
    take();
    return std::move(lines).story();
}

Answer<Story> WebStories::tell(const StoryOf& of) {
    const std::unique_lock only(one_, wait_for_others);
    if (!only || closed_) {
        return refuse(503, "other stories are being told; try again");
    }
    Answer<Story> told;
    std::jthread([&] {
        // Of Linux, this is the thread's alone.
        setpriority(PRIO_PROCESS, 0, low_priority);
        told = read(of);
    }).join();
    return told;
}

}  // namespace nstrail
