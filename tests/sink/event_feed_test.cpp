// SPDX-License-Identifier: Apache-2.0
// The feed of events: one writer, clients that are quick, slow, too many, or gone.
#include "sink/event_feed.hpp"

#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nstrail::test {
namespace {

using std::chrono::milliseconds;

/// A World whose events are told to a feed.
class Teller {
public:
    explicit Teller(EventFeed& feed) : feed_(feed) {}

    template <class T>
    void tell(T fixed) {
        fixed.header.kind = kind_of<T>;
        const EventBuffer buffer = EventBuffer::make(fixed);
        const Event event = *buffer.event();
        feed_.tell(besides_, event, world_.apply(event));
    }
    void mark(std::uint32_t round) {
        tell(nst_mark{.header = {}, .what = NST_mark_what_audited, .round = round});
    }

private:
    EventFeed& feed_;
    World world_;
    Besides besides_{world_};
};

std::vector<EventFeed::Line> take_all(EventFeed::Client& client) {
    std::vector<EventFeed::Line> all;
    for (auto some = client.take(milliseconds(0), 1000); !some.empty();
         some = client.take(milliseconds(0), 1000)) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

TEST(EventFeed, TellsTheSessionFirstAndCountsTheLines) {
    EventFeed feed;
    Teller teller(feed);
    teller.mark(1);
    teller.tell(nst_session{});
    teller.mark(2);
    const auto client = feed.follow(std::nullopt);
    teller.mark(3);
    teller.mark(4);
    const auto lines = take_all(*client);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(nlohmann::json::parse(*lines[0].json)["kind"], "session");
    EXPECT_EQ(nlohmann::json::parse(*lines[2].json)["round"], 4);
    for (std::size_t i = 0; i < lines.size(); i++) {
        EXPECT_EQ(lines[i].id, i + 1);
        EXPECT_EQ(lines[i].left_out, 0U);
    }
    EXPECT_EQ(feed.figures().delivered, 3U);
}

TEST(EventFeed, EachClientHasAFilterOfItsOwnAndLossPassesAll) {
    EventFeed feed;
    Teller teller(feed);
    const auto odd = feed.follow(*parse_filter("round in (1,3)"));
    const auto none = feed.follow(*parse_filter("kind=task_new"));
    for (std::uint32_t round = 1; round <= 4; round++) {
        teller.mark(round);
    }
    teller.tell(nst_gap{.header = {}, .lost = 5, .cause = NST_gap_cause_ring, .where = 0});
    EXPECT_EQ(take_all(*odd).size(), 3U);
    const auto lost = take_all(*none);
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_EQ(nlohmann::json::parse(*lost[0].json)["lost"], 5);
}

TEST(EventFeed, WhatDoesNotFitIsLeftOutAndToldAtItsPlace) {
    EventFeed feed;
    Teller teller(feed);
    const auto slow = feed.follow(std::nullopt);
    const auto quick = feed.follow(std::nullopt);
    std::size_t quick_got = 0;
    for (std::uint32_t i = 0; i < EventFeed::most_lines + 5; i++) {
        teller.mark(i);
        quick_got += quick->take(milliseconds(0), 1000).size();
    }
    EXPECT_EQ(quick_got, EventFeed::most_lines + 5) << "one client does not hold up another";
    auto some = slow->take(milliseconds(0), 1);
    ASSERT_EQ(some.size(), 1U);
    EXPECT_EQ(some[0].id, 1U);
    teller.mark(0);  // there is room for one again
    teller.mark(0);
    const auto lines = take_all(*slow);
    ASSERT_EQ(lines.size(), EventFeed::most_lines + 1);
    const auto& last = lines[EventFeed::most_lines - 1];
    EXPECT_EQ(last.left_out, 5U);
    EXPECT_EQ(last.id, EventFeed::most_lines + 6);
    EXPECT_EQ(lines.back().left_out, 1U) << "told although nothing came after it";
    EXPECT_FALSE(lines.back().json);
    EXPECT_EQ(feed.figures().dropped, 6U);
    EXPECT_EQ(feed.figures().delivered, quick_got + 1 + EventFeed::most_lines);
}

TEST(EventFeed, BytesAreBoundedToo) {
    EventFeed feed;
    Teller teller(feed);
    const auto client = feed.follow(std::nullopt);
    nst_task_exe large{};
    std::ranges::fill(large.path, '\x01');  // six bytes of JSON each
    for (int i = 0; i < 6000; i++) {
        teller.tell(large);
    }
    std::size_t bytes = 0;
    std::uint64_t left_out = 0;
    std::size_t got = 0;
    for (const EventFeed::Line& line : take_all(*client)) {
        bytes += line.json ? line.json->size() : 0;
        got += line.json ? 1 : 0;
        left_out += line.left_out;
    }
    EXPECT_LE(bytes, EventFeed::most_bytes);
    EXPECT_GT(left_out, 0U);
    EXPECT_EQ(got + left_out, 6000U);
}

TEST(EventFeed, HasRoomForSoManyClientsAndNoMore) {
    EventFeed feed;
    std::vector<std::unique_ptr<EventFeed::Client>> clients;
    for (std::size_t i = 0; i < EventFeed::most_clients; i++) {
        clients.push_back(feed.follow(std::nullopt));
        ASSERT_TRUE(clients.back());
    }
    EXPECT_FALSE(feed.follow(std::nullopt));
    EXPECT_EQ(feed.figures().refused, 1U);
    EXPECT_EQ(feed.figures().clients, EventFeed::most_clients);
    clients.pop_back();
    EXPECT_TRUE(feed.follow(std::nullopt));
}

TEST(EventFeed, ClosingWakesWhoWaits) {
    EventFeed feed;
    const auto client = feed.follow(std::nullopt);
    std::jthread waits([&] {
        EXPECT_TRUE(client->take(std::chrono::minutes(1), 1000).empty());
        EXPECT_TRUE(client->ended());
    });
    feed.close();
    waits.join();
    EXPECT_FALSE(feed.follow(std::nullopt));
}

TEST(EventFeed, ForEveryClientTakenAndLeftOutAddUp) {
    EventFeed feed;
    constexpr std::uint32_t total = 30'000;
    std::atomic<std::uint64_t> dropped = 0;
    {
        std::vector<std::jthread> clients;
        std::atomic<int> ready = 0;
        for (int i = 0; i < 4; i++) {
            clients.emplace_back([&, i] {
                const auto client = feed.follow(*parse_filter("kind=mark or tid=1"));
                ready++;
                std::uint64_t last_id = 0;
                while (!client->ended()) {
                    for (const auto& line : client->take(milliseconds(100), 20'000)) {
                        EXPECT_EQ(line.id, last_id + line.left_out + (line.json ? 1 : 0));
                        last_id = line.id;
                        dropped += line.left_out;
                    }
                    std::this_thread::sleep_for(milliseconds(i * 5));
                }
                EXPECT_EQ(last_id, total);
            });
        }
        std::jthread comes_and_goes([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (const auto client = feed.follow(*parse_filter("tid=1"))) {
                    (void)client->take(milliseconds(1), 1000);
                }
            }
        });
        while (ready != 4) {
            std::this_thread::yield();
        }
        Teller teller(feed);
        for (std::uint32_t i = 0; i < total; i++) {
            teller.mark(i);
        }
        comes_and_goes.request_stop();
        feed.close();
    }
    EXPECT_EQ(feed.figures().dropped, dropped);
    EXPECT_EQ(feed.figures().delivered + dropped, std::uint64_t{4} * total);
}

}  // namespace
}  // namespace nstrail::test
