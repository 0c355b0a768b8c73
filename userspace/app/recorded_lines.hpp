// SPDX-License-Identifier: Apache-2.0
// The lines of a recording for one client of the web server.
#pragma once

#include "app/printer.hpp"
#include "app/recorded_web.hpp"

namespace nstrail {

class RecordedLines final : public EventLines {
public:
    /// One of web's streams; web must outlive it.
    RecordedLines(RecordedWeb& web, std::unique_ptr<Replay> replay, const RangeChoice::Range& range,
                  std::optional<Filter> filter, std::optional<std::uint64_t> last);
    RecordedLines(const RecordedLines&) = delete;
    RecordedLines& operator=(const RecordedLines&) = delete;
    ~RecordedLines() override;

    [[nodiscard]] std::vector<EventFeed::Line> take(std::chrono::milliseconds patience,
                                                    std::size_t bytes) override;
    [[nodiscard]] bool ended() const override { return finished_ && lines_.empty(); }
    [[nodiscard]] std::optional<std::uint64_t> told() const override { return told_; }
    [[nodiscard]] std::string fault() const override { return fault_; }

private:
    void step();
    void finish();
    void take_printed();

    RecordedWeb& web_;
    std::unique_ptr<Replay> replay_;
    const RangeChoice::Range range_;
    const std::optional<std::uint64_t> last_;
    Printer printer_;
    std::deque<EventFeed::Line> lines_;
    std::uint64_t matched_ = 0;
    std::uint64_t told_ = 0;
    bool finished_ = false;
    std::string fault_;
};

}  // namespace nstrail
