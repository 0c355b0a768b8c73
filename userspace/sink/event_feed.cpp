// SPDX-License-Identifier: Apache-2.0
#include "sink/event_feed.hpp"

#include <utility>

#include "sink/findings.hpp"

namespace nstrail {

namespace {

/// A line as `nstrail live --json` prints it, without its newline.
std::shared_ptr<const std::string> event_line(Besides& besides, const Event& event,
                                              const Change& change) {
    fmt::memory_buffer out;
    besides.append(out, event, change, true);
    return std::make_shared<const std::string>(out.data(), out.size() - 1);
}

}  // namespace

void EventFeed::Client::push(const std::shared_ptr<const std::string>& line) {
    const std::scoped_lock hold(lock_);
    last_id_++;
    if (lines_.size() >= most_lines || bytes_ + line->size() > most_bytes) {
        left_out_++;
        feed_.dropped_++;
        return;
    }
    bytes_ += line->size();
    lines_.push_back({.id = last_id_, .left_out = std::exchange(left_out_, 0), .json = line});
    came_.notify_one();
}

std::vector<EventFeed::Line> EventFeed::Client::take(std::chrono::milliseconds patience,
                                                     std::size_t bytes) {
    std::unique_lock hold(lock_);
    came_.wait_for(hold, patience, [&] { return closed_ || !lines_.empty() || left_out_ != 0; });
    std::vector<Line> taken;
    for (std::size_t size = 0; !lines_.empty() && size < bytes;) {
        size += lines_.front().json->size();
        bytes_ -= lines_.front().json->size();
        taken.push_back(std::move(lines_.front()));
        lines_.pop_front();
    }
    feed_.delivered_ += taken.size();
    if (lines_.empty() && left_out_ != 0) {
        taken.push_back({.id = last_id_, .left_out = std::exchange(left_out_, 0), .json = {}});
    }
    return taken;
}

bool EventFeed::Client::ended() const {
    const std::scoped_lock hold(lock_);
    return closed_ && lines_.empty() && left_out_ == 0;
}

std::unique_ptr<EventFeed::Client> EventFeed::follow(std::optional<Filter> filter) {
    auto client = std::make_unique<Client>(*this, std::move(filter));
    const std::scoped_lock hold(lock_);
    if (closed_) {
        return nullptr;
    }
    if (clients_.size() >= most_clients) {
        refused_++;
        return nullptr;
    }
    if (session_) {
        client->push(session_);
    }
    clients_.push_back(client.get());
    client_count_ = clients_.size();
    return client;
}

void EventFeed::leave(const Client& client) {
    const std::scoped_lock hold(lock_);
    std::erase(clients_, &client);
    client_count_ = clients_.size();
}

FeedFigures EventFeed::figures() const {
    return {.clients = client_count_,
            .delivered = delivered_,
            .dropped = dropped_,
            .refused = refused_};
}

/// The line is made once, and only if somebody wants it.
template <class Wanted, class Make>
void EventFeed::tell(Wanted wanted, Make make) {
    if (client_count_ == 0) {
        return;
    }
    const std::scoped_lock hold(lock_);
    std::shared_ptr<const std::string> line;
    for (Client* client : clients_) {
        if (wanted(client->filter_)) {
            line = line ? line : make();
            client->push(line);
        }
    }
}

void EventFeed::tell(Besides& besides, const Event& event, const Change& change) {
    if (event.kind() == NST_KIND_session) {
        auto line = event_line(besides, event, change);
        const std::scoped_lock hold(lock_);
        session_ = std::move(line);
    }
    tell([&](const auto& filter) { return wanted(filter, besides, event, change); },
         [&] { return event_line(besides, event, change); });
}

void EventFeed::tell(Besides& besides, const Finding& finding) {
    tell([&](const auto& filter) { return wanted(filter, besides, finding); },
         [&] { return std::make_shared<const std::string>(finding_json(finding)); });
}

void EventFeed::tell(Besides& besides, const Remark& remark) {
    tell([&](const auto& filter) { return wanted(filter, besides, remark); },
         [&] { return std::make_shared<const std::string>(remark_json(remark)); });
}

void EventFeed::close() {
    const std::scoped_lock hold(lock_);
    closed_ = true;
    for (Client* client : clients_) {
        const std::scoped_lock hold_client(client->lock_);
        client->closed_ = true;
        client->came_.notify_all();
    }
}

}  // namespace nstrail
