// SPDX-License-Identifier: Apache-2.0
#include "sink/web_events.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "sink/web_words.hpp"

namespace nstrail {

namespace {

// What is written at once, and how soon it is noticed that a client has gone.
constexpr std::size_t piece = 64U << 10;
constexpr std::chrono::milliseconds notice_within{1000};

/// One client: what httplib asks for the next piece of the answer.
class EventAnswer {
public:
    EventAnswer(std::unique_ptr<EventLines> lines, std::chrono::milliseconds heartbeat)
        : lines_(std::move(lines)), heartbeat_(heartbeat) {}

    /// False ends the connection.
    bool operator()(httplib::DataSink& sink) {
        std::string text;
        if (!began_) {
            began_ = true;
            text = ": the events of nstrail\n\n";
        }
        const auto wait = text.empty() ? std::min(notice_within, heartbeat_) : notice_within * 0;
        for (const EventFeed::Line& line : lines_->take(wait, piece)) {
            if (line.left_out != 0) {
                text += fmt::format("event: gap\ndata: {{\"left_out\":{}}}\n\n", line.left_out);
            }
            if (line.json) {
                text += fmt::format("id: {}\ndata: {}\n\n", line.id, *line.json);
            }
        }
        if (lines_->ended() && !said_end_) {
            said_end_ = true;
            text += end();
        }
        const auto now = std::chrono::steady_clock::now();
        if (text.empty() && now - said_at_ >= heartbeat_) {
            text = ": still here\n\n";
        }
        if (!text.empty()) {
            said_at_ = now;
            return sink.write(text.data(), text.size());
        }
        if (said_end_) {
            sink.done();
            return true;
        }
        return sink.is_writable();  // or it has gone
    }

private:
    [[nodiscard]] std::string end() const {
        if (const std::string fault = lines_->fault(); !fault.empty()) {
            return "event: fault\ndata: " + error_json(fault) + "\n";
        }
        const auto told = lines_->told();
        return told ? fmt::format("event: end\ndata: {{\"lines\":{}}}\n\n", *told) : "";
    }

    std::unique_ptr<EventLines> lines_;
    std::chrono::milliseconds heartbeat_;
    std::chrono::steady_clock::time_point said_at_ = std::chrono::steady_clock::now();
    bool began_ = false;
    bool said_end_ = false;
};

}  // namespace

void tell_events(httplib::Response& response, std::unique_ptr<EventLines> lines,
                 std::chrono::milliseconds heartbeat) {
    // httplib wants to copy what it calls.
    const auto answer = std::make_shared<EventAnswer>(std::move(lines), heartbeat);
    response.set_chunked_content_provider(
        "text/event-stream",
        [answer](std::size_t /*offset*/, httplib::DataSink& sink) { return (*answer)(sink); });
}

}  // namespace nstrail
