// SPDX-License-Identifier: Apache-2.0
// The lines of the live stream for whoever follows it: one writer, a few clients.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sink/line_facts.hpp"

namespace nstrail {

struct FeedFigures {
    std::uint64_t clients = 0;
    std::uint64_t delivered = 0;  ///< lines that clients took
    std::uint64_t dropped = 0;    ///< lines that a client was too slow for
    std::uint64_t refused = 0;    ///< clients that were one too many
};

/// Each client has a queue of its own, which is bounded: the writer leaves out what does not fit,
/// and the client is told how many lines that were, at their place. The writer waits for no client,
/// and no lock is held while anything is written to one.
class EventFeed {
public:
    static constexpr std::size_t most_clients = 8;
    static constexpr std::size_t most_lines = 8192;
    static constexpr std::size_t most_bytes = 4U << 20;

    struct Line {
        std::uint64_t id = 0;        ///< place among the client's lines, those left out included
        std::uint64_t left_out = 0;  ///< lines left out just before this one
        std::shared_ptr<const std::string> json;  ///< null: only left_out is told
    };

    /// One who follows, as long as it lives. Any one thread at a time.
    class Client {
    public:
        Client(EventFeed& feed, std::optional<Filter> filter)
            : feed_(feed), filter_(std::move(filter)) {}
        Client(const Client&) = delete;
        Client& operator=(const Client&) = delete;
        ~Client() { feed_.leave(*this); }

        /// What has come since, at most about `bytes` of it; waits for the first that long.
        [[nodiscard]] std::vector<Line> take(std::chrono::milliseconds patience, std::size_t bytes);
        /// There will be no more than what can be taken yet.
        [[nodiscard]] bool ended() const;

    private:
        friend class EventFeed;
        void push(const std::shared_ptr<const std::string>& line);

        EventFeed& feed_;
        const std::optional<Filter> filter_;
        mutable std::mutex lock_;
        std::condition_variable came_;
        std::deque<Line> lines_;
        std::size_t bytes_ = 0;
        std::uint64_t last_id_ = 0;
        std::uint64_t left_out_ = 0;  // since the last of lines_
        bool closed_ = false;
    };

    EventFeed() = default;
    EventFeed(const EventFeed&) = delete;
    EventFeed& operator=(const EventFeed&) = delete;
    ~EventFeed() = default;

    /// From now on, after the session if that has been told. Null if there are too many, or the
    /// feed is closed. Any thread; the feed must outlive the client.
    [[nodiscard]] std::unique_ptr<Client> follow(std::optional<Filter> filter);
    [[nodiscard]] FeedFigures figures() const;

    /// The writer, with what the World just said of the event.
    void tell(Besides& besides, const Event& event, const Change& change);
    void tell(Besides& besides, const Finding& finding);
    void tell(Besides& besides, const Remark& remark);
    /// No more lines: clients that wait are woken.
    void close();

private:
    template <class Wanted, class Make>
    void tell(Wanted wanted, Make make);
    void leave(const Client& client);

    mutable std::mutex lock_;
    std::vector<Client*> clients_;
    std::shared_ptr<const std::string> session_;
    bool closed_ = false;
    std::atomic<std::size_t> client_count_ = 0;  // clients_.size(), for the writer to look at
    std::atomic<std::uint64_t> delivered_ = 0;
    std::atomic<std::uint64_t> dropped_ = 0;
    std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace nstrail
