// SPDX-License-Identifier: Apache-2.0
#include "app/recorded_lines.hpp"

#include <string_view>

namespace nstrail {

RecordedLines::RecordedLines(RecordedWeb& web, std::unique_ptr<Replay> replay,
                             const RangeChoice::Range& range, std::optional<Filter> filter,
                             std::optional<std::uint64_t> last)
    : web_(web),
      replay_(std::move(replay)),
      range_(range),
      last_(last),
      printer_(replay_->world(), replay_->checker(), true, std::move(filter)) {
    replay_->limit(range);
}

RecordedLines::~RecordedLines() {
    web_.streams_--;
}

std::vector<EventFeed::Line> RecordedLines::take(std::chrono::milliseconds patience,
                                                 std::size_t bytes) {
    const auto until = std::chrono::steady_clock::now() + patience;
    // Of the last lines none is known before the end.
    while (!finished_ && (last_ || lines_.empty())) {
        step();
        if (std::chrono::steady_clock::now() >= until) {
            break;
        }
    }
    std::vector<EventFeed::Line> taken;
    if (last_ && !finished_) {
        return taken;
    }
    for (std::size_t size = 0; !lines_.empty() && size < bytes;) {
        size += lines_.front().json->size();
        taken.push_back(std::move(lines_.front()));
        lines_.pop_front();
    }
    told_ += taken.size();
    web_.delivered_ += taken.size();
    return taken;
}

void RecordedLines::step() {
    const auto stepped = replay_->step([this](const Event& event, const Change& change) {
        // Before the beginning the model learns, and nothing is told.
        if (replay_->now() >= range_.begin_ns) {
            printer_.event(event, change);
            printer_.news(event);
        }
    });
    if (!stepped || web_.closed_) {
        fault_ = stepped ? "the server is stopping" : stepped.error().line();
    }
    take_printed();
    if (!fault_.empty() || replay_->ended()) {
        finish();
    }
}

void RecordedLines::finish() {
    replay_->finish();
    printer_.findings();
    take_printed();
    finished_ = true;
}

void RecordedLines::take_printed() {
    take_lines(printer_.out(), [this](std::string_view line) {
        lines_.push_back(
            {.id = ++matched_, .left_out = 0, .json = std::make_shared<const std::string>(line)});
        if (last_ && lines_.size() > *last_) {
            lines_.pop_front();
        }
    });
}

}  // namespace nstrail
