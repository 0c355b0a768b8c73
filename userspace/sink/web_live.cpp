// SPDX-License-Identifier: Apache-2.0
#include "sink/web_live.hpp"

#include <fmt/format.h>

#include "event/event.hpp"

namespace nstrail {

namespace {

constexpr std::chrono::milliseconds patience{5000};

class FollowedLines final : public EventLines {
public:
    explicit FollowedLines(std::unique_ptr<EventFeed::Client> client)
        : client_(std::move(client)) {}

    [[nodiscard]] std::vector<EventFeed::Line> take(std::chrono::milliseconds how_long,
                                                    std::size_t bytes) override {
        return client_->take(how_long, bytes);
    }
    [[nodiscard]] bool ended() const override { return client_->ended(); }
    [[nodiscard]] std::optional<std::uint64_t> told() const override { return std::nullopt; }
    [[nodiscard]] std::string fault() const override { return {}; }

private:
    std::unique_ptr<EventFeed::Client> client_;
};

}  // namespace

Answer<WebAbout> LiveWeb::about() {
    const auto now = publication({}, Part::state);
    if (!now) {
        return std::unexpected(now.error());
    }
    const nst_session& session = (*now)->view.session();
    return WebAbout{.boot_id = std::string(text_of(session.boot_id, sizeof(session.boot_id))),
                    .begin_boot_ns = {},
                    .end_boot_ns = {},
                    .wall_offset_ns = session.wall_offset_ns,
                    .recording = {},
                    .boots = {}};
}

Answer<std::shared_ptr<const Publication>> LiveWeb::publication(
    const std::optional<std::string>& at, Part /*part*/) {
    if (at) {
        return refuse(400,
                      "tell what was at another time: this host is known as it is now only; leave "
                      "at= away, or serve a recording with nstrail replay REC --serve");
    }
    auto found = board_.fresh(patience);
    if (!found) {
        return refuse(503, "the agent is stopping or busy; try again");
    }
    return found;
}

Answer<std::optional<Story>> LiveWeb::story(const StoryOf& of) {
    if (stories_ == nullptr) {
        return std::nullopt;
    }
    auto told = stories_->tell(of);
    if (!told) {
        return std::unexpected(told.error());
    }
    return std::move(*told);
}

Answer<std::unique_ptr<EventLines>> LiveWeb::events(EventsWanted wanted) {
    if (wanted.begin || wanted.end || wanted.last) {
        return refuse(400,
                      "follow the events: begin=, end= and last= are for recordings; this is a "
                      "trace that runs, and tells from now on");
    }
    auto client = feed_.follow(std::move(wanted.filter));
    if (!client) {
        return refuse(503, fmt::format("{} clients follow the events already, or the agent is "
                                       "stopping; try again when one has gone",
                                       EventFeed::most_clients));
    }
    return std::make_unique<FollowedLines>(std::move(client));
}

void LiveWeb::close() {
    board_.close();
    feed_.close();
    if (stories_ != nullptr) {
        stories_->close();
    }
}

}  // namespace nstrail
