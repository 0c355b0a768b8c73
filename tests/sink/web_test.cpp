// SPDX-License-Identifier: Apache-2.0
// The web server from outside: a real socket, a writer thread that publishes, clients that ask at
// once.
#include "sink/web.hpp"

#include <atomic>
#include <functional>
#include <thread>

#include <httplib.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sink/sample.hpp"
#include "sink/serving.hpp"
#include "sink/tree.hpp"
#include "sink/web_live.hpp"

namespace nstrail {
namespace {

class Web : public testing::Test {
protected:
    void SetUp() override {
        WebOptions options;
        options.port = 0;
        options.heartbeat = std::chrono::milliseconds(50);
        options.version = "test";
        options.doctor = R"({"schema":"nstrail.doctor/1"})";
        options.rules = R"({"schema":"nstrail.rules/1"})";
        auto started = WebServer::start(options, source_);
        ASSERT_TRUE(started) << started.error().line();
        server_ = std::move(*started);
        port_ = std::stoi(server_->address().substr(server_->address().rfind(':') + 1));
        writer_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (board_.wait(std::chrono::milliseconds(5))) {
                    auto made =
                        std::make_shared<Publication>(Publication{.view = test::sample_view(),
                                                                  .source = {},
                                                                  .findings = {},
                                                                  .notices = {},
                                                                  .unready = {},
                                                                  .note = {}});
                    made->unready = ready_ ? "" : "the first snapshot is not complete";
                    board_.publish(std::move(made));
                }
            }
        });
    }
    httplib::Result get(const std::string& path) const {
        httplib::Client client("127.0.0.1", port_);
        return client.Get(path);
    }

    /// Follows the events until what came so far is enough.
    std::string follow(const std::string& query,
                       const std::function<bool(const std::string&)>& enough) const {
        httplib::Client client("127.0.0.1", port_);
        client.set_read_timeout(20);
        std::string got;
        (void)client.Get("/api/v1/events" + query, [&](const char* data, std::size_t size) {
            got.append(data, size);
            return !enough(got);
        });
        return got;
    }
    void tell_marks(std::uint32_t count) {
        World world;
        Besides besides(world);
        for (std::uint32_t round = 1; round <= count; round++) {
            nst_mark mark{.header = {}, .what = NST_mark_what_audited, .round = round};
            mark.header.kind = NST_KIND_mark;
            const EventBuffer buffer = EventBuffer::make(mark);
            const Event event = *buffer.event();
            feed_.tell(besides, event, world.apply(event));
        }
    }
    /// Until so many follow the events.
    void await_clients(std::uint64_t count) const {
        for (int i = 0; i < 5000 && feed_.figures().clients != count; i++) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        EXPECT_EQ(feed_.figures().clients, count);
    }

    ViewBoard board_;
    EventFeed feed_;
    LiveWeb source_{board_, feed_};
    std::unique_ptr<WebServer> server_;
    std::atomic<bool> ready_ = true;
    int port_ = 0;
    std::jthread writer_;
};

TEST_F(Web, ServesTreeMetricsAndDocuments) {
    const auto tree = get("/api/v1/tree?tasks=1");
    ASSERT_TRUE(tree);
    EXPECT_EQ(nlohmann::json::parse(tree->body)["tasks"].size(), 3U);
    EXPECT_FALSE(nlohmann::json::parse(get("/api/v1/tree")->body).contains("tasks"));
    const auto metrics = get("/metrics");
    EXPECT_NE(metrics->body.find("nstrail_tasks{"), std::string::npos);
    EXPECT_EQ(metrics->get_header_value("Content-Type"),
              "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(nlohmann::json::parse(get("/api/v1/doctor")->body)["schema"], "nstrail.doctor/1");
    EXPECT_EQ(nlohmann::json::parse(get("/api/v1/rules")->body)["schema"], "nstrail.rules/1");
    const auto findings = nlohmann::json::parse(get("/api/v1/findings")->body);
    EXPECT_EQ(findings["schema"], "nstrail.findings/1");
    EXPECT_TRUE(findings["findings"].is_array() && findings["notable"].is_array());
    EXPECT_EQ(get("/healthz")->status, 200);
}

TEST_F(Web, ThePageIsServedAndKept) {
    const auto page = get("/");
    EXPECT_EQ(page->status, 200);
    EXPECT_EQ(page->get_header_value("Content-Type"), "text/html; charset=utf-8");
    EXPECT_NE(page->body.find("assets/page.js"), std::string::npos);
    EXPECT_TRUE(
        page->get_header_value("Content-Security-Policy").starts_with("default-src 'none'"));
    EXPECT_EQ(get("/assets/page.js")->get_header_value("Content-Type"),
              "text/javascript; charset=utf-8");
    EXPECT_EQ(page->get_header_value_count("Cache-Control"), 1U);
    httplib::Client client(server_->address());
    const auto again = client.Get("/", {{"If-None-Match", page->get_header_value("ETag")}});
    EXPECT_EQ(again->status, 304);
    EXPECT_EQ(client.Get("/", {{"If-None-Match", "\"other\""}})->status, 200);
    EXPECT_EQ(get("/assets/nothing.js")->status, 404);
}

TEST_F(Web, SaysWhatItIs) {
    const auto about = nlohmann::json::parse(get("/api/v1/about")->body);
    EXPECT_EQ(about["schema"], "nstrail.about/1");
    EXPECT_EQ(about["mode"], "live");
    EXPECT_EQ(about["version"], "test");
    for (const char* unknown : {"begin_boot_ns", "end_boot_ns", "begin", "end", "recording"}) {
        EXPECT_TRUE(about.at(unknown).is_null()) << unknown;
    }
}

TEST_F(Web, ACardHasTheVeryObjectOfTheTree) {
    const auto tree = nlohmann::json::parse(get("/api/v1/tree?tasks=1")->body);
    ASSERT_EQ(tree["tasks"].size(), 3U);
    const auto card = [&](const std::string& path, const char* schema) {
        auto parsed = nlohmann::json::parse(get(path)->body);
        EXPECT_EQ(parsed["schema"], schema);
        EXPECT_EQ(parsed["at_boot_ns"], tree["at_boot_ns"]);
        EXPECT_EQ(parsed["certain"], tree["certain"]);
        EXPECT_EQ(parsed["at"], tree["at"]);
        EXPECT_TRUE(parsed["story"].is_null());
        EXPECT_EQ(parsed["story_cut"], 0);
        return parsed;
    };
    for (const auto& task : tree["tasks"]) {
        EXPECT_EQ(card("/api/v1/task/" + task["tid"].dump(), "nstrail.task/1")["task"], task);
    }
    for (const auto& ns : tree["namespaces"]) {
        EXPECT_EQ(
            card("/api/v1/namespace/" + ns["inum"].dump(), "nstrail.namespace/1")["namespace"], ns);
    }
    for (const char* nobody : {"/api/v1/task/999999", "/api/v1/task/0", "/api/v1/task/9999999999",
                               "/api/v1/namespace/1", "/api/v1/why/1"}) {
        EXPECT_EQ(get(nobody)->status, 404) << nobody;
        EXPECT_TRUE(nlohmann::json::parse(get(nobody)->body)["error"].is_string()) << nobody;
    }
}

TEST_F(Web, AStoryIsToldByWhoeverCan) {
    struct Stories final : StorySource {
        Answer<Story> tell(const StoryOf& of) override {
            if (of.number == 1) {
                return refuse(503, "busy");
            }
            return Story{.lines = {R"({"kind":"task_new"})", R"({"kind":"task_exit"})"}, .cut = 7};
        }
        void close() override {}
    } stories;
    LiveWeb told(board_, feed_, &stories);
    const auto story = told.story({.task = true, .number = 2});
    ASSERT_TRUE(story && *story);
    const View view = test::sample_view();
    const auto card = nlohmann::json::parse(task_card_json(view, view.tasks().front(), *story));
    EXPECT_EQ(card["story"][1]["kind"], "task_exit");
    EXPECT_EQ(card["story_cut"], 7);
    EXPECT_EQ(told.story({.task = true, .number = 1}).error().status, 503);
}

TEST_F(Web, AnotherTimeThanNowIsRefused) {
    for (const char* path :
         {"/api/v1/tree?at=+10s", "/api/v1/findings?at=1", "/metrics?at=1", "/api/v1/events?last=3",
          "/api/v1/tree?att=1", "/api/v1/about?at=1", "/api/v1/tree?tasks=1&tasks=0"}) {
        const auto answer = get(path);
        EXPECT_EQ(answer->status, 400) << path;
        EXPECT_TRUE(nlohmann::json::parse(answer->body)["error"].is_string()) << path;
    }
}

TEST_F(Web, EventsAreFollowed) {
    std::jthread teller([this] {
        await_clients(1);
        tell_marks(5);
    });
    const std::string got = follow("?filter=round%20in%20(2%2C4)", [](const std::string& so_far) {
        return so_far.find("\"round\":4}\n\n") != so_far.npos;
    });
    EXPECT_NE(got.find("id: 1\ndata: {\"kind\":\"mark\""), std::string::npos) << got;
    EXPECT_NE(got.find("\"round\":2}\n\n"), std::string::npos) << got;
    EXPECT_NE(got.find("\"round\":4}\n\n"), std::string::npos) << got;
    EXPECT_EQ(got.find("\"round\":3}"), std::string::npos) << got;
    teller.join();
    await_clients(0);  // it has gone, and that is noticed
    EXPECT_NE(get("/metrics")->body.find("nstrail_sse_sent_lines_total 2\n"), std::string::npos);
}

TEST_F(Web, WhoFollowsHearsThatTheAgentIsThere) {
    const std::string got = follow(
        "", [](const std::string& so_far) { return so_far.find(": still here") != so_far.npos; });
    EXPECT_EQ(got.find("data:"), std::string::npos) << got;
}

TEST_F(Web, AFilterThatMeansNothingIsRefused) {
    const std::pair<const char*, const char*> refused[] = {
        {"?filter=pidd%3D1", "filter: column 1: unknown field \"pidd\"; did you mean \"pid\"?"},
        // As people write it: the first sign ends the name, the others are of the expression.
        {"?filter=tid=1%20and%20pidd=1",
         "filter: column 11: unknown field \"pidd\"; did you mean \"pid\"?"},
        {"?filter=",
         "filter: column 1: there is no expression; write one, e.g. comm=sh and "
         "kind=task_exec"},
        {"?filter=tid=1&&tgid=2",
         "understand the request: \"\" is no parameter; here is filter=; write & in a value as "
         "%26"},
        {"?filters=tid=1",
         "understand the request: \"filters=tid=1\" is no parameter; here is filter=; write & in a "
         "value as %26"}};
    for (const auto& [query, error] : refused) {
        const auto answer = get("/api/v1/events" + std::string(query));
        EXPECT_EQ(answer->status, 400) << query;
        EXPECT_EQ(nlohmann::json::parse(answer->body)["error"], error) << query;
    }
}

TEST_F(Web, OneFollowerTooManyIsRefusedAndTheOthersAreServed) {
    std::atomic<bool> stop = false;
    std::vector<std::jthread> followers;
    for (std::size_t i = 0; i < EventFeed::most_clients; i++) {
        followers.emplace_back(
            [&] { follow("", [&](const std::string&) { return stop.load(); }); });
    }
    await_clients(EventFeed::most_clients);
    const auto refused = get("/api/v1/events");
    EXPECT_EQ(refused->status, 503);
    EXPECT_NE(nlohmann::json::parse(refused->body)["error"].get<std::string>().find("8 clients"),
              std::string::npos);
    EXPECT_EQ(get("/api/v1/tree")->status, 200);
    EXPECT_NE(get("/metrics")->body.find("nstrail_sse_clients 8\n"), std::string::npos);
    stop = true;
}

TEST_F(Web, AFollowerThatReadsNothingHoldsUpNobodyAndIsToldWhatItMissed) {
    // Whole: a piece may end anywhere.
    const std::string gap = "event: gap\ndata: {\"left_out\":";
    std::string got;
    std::atomic<bool> told = false;
    std::jthread slow([&] {
        got = follow("", [&](const std::string& so_far) {
            for (int i = 0; i < 4000 && !told; i++) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
            const std::size_t latest =
                so_far.size() - std::min<std::size_t>(so_far.size(), 100'000);
            return so_far.find(gap, latest) != so_far.npos;
        });
    });
    await_clients(1);
    // More than the queue and the sockets' buffers hold.
    for (int i = 0; i < 100 && feed_.figures().dropped == 0; i++) {
        tell_marks(5000);
    }
    EXPECT_EQ(get("/healthz")->status, 200);
    told = true;
    slow.join();
    EXPECT_NE(got.find(gap), std::string::npos);
}

TEST_F(Web, AFollowerThatNeverReadsHoldsUpNobody) {
    test::Raw never(port_);
    never.say("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await_clients(1);
    for (int i = 0; i < 100 && feed_.figures().dropped == 0; i++) {
        tell_marks(5000);
    }
    EXPECT_GT(feed_.figures().dropped, 0U);
    EXPECT_EQ(get("/api/v1/tree")->status, 200);
}

TEST_F(Web, FollowersAreLetGoWhenTheServerStops) {
    std::string got;
    std::jthread follower([&] { got = follow("", [](const std::string&) { return false; }); });
    await_clients(1);
    tell_marks(3);
    const auto began = std::chrono::steady_clock::now();
    server_.reset();
    follower.join();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    EXPECT_EQ(feed_.figures().clients, 0U);
}

TEST_F(Web, ReadyOnlyWhenTheWriterSaysSo) {
    EXPECT_EQ(get("/readyz")->status, 200);
    ready_ = false;
    const auto answer = get("/readyz");
    EXPECT_EQ(answer->status, 503);
    EXPECT_EQ(answer->body, "not ready: the first snapshot is not complete\n");
}

TEST_F(Web, NothingElseIsThereAndNothingCanBeWritten) {
    EXPECT_EQ(get("/nothing")->status, 404);
    EXPECT_EQ(get("/../etc/passwd")->status, 404);
    httplib::Client client("127.0.0.1", port_);
    EXPECT_EQ(client.Post("/api/v1/tree", "x", "text/plain")->status, 405);
}

TEST_F(Web, ManyReadersAtOnceGetWholeAnswers) {
    std::vector<std::jthread> readers;
    std::atomic<int> good = 0;
    for (int i = 0; i < 6; i++) {
        readers.emplace_back([&] {
            for (int n = 0; n < 10; n++) {
                const auto answer = get("/api/v1/tree?tasks=1");
                good +=
                    answer && nlohmann::json::parse(answer->body)["namespaces"].size() == 2 ? 1 : 0;
            }
        });
    }
    readers.clear();
    EXPECT_EQ(good, 60);
}

TEST_F(Web, AReaderIsToldWhenTheWriterStops) {
    writer_ = {};
    board_.close();
    EXPECT_EQ(get("/api/v1/tree")->status, 503);
    EXPECT_EQ(get("/healthz")->status, 200);
}

TEST_F(Web, APortInUseIsOneClearLine) {
    WebOptions second;
    second.port = port_;
    ViewBoard board;
    EventFeed feed;
    LiveWeb source(board, feed);
    const auto refused = WebServer::start(second, source);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().line().find("Address already in use"), std::string::npos)
        << refused.error().line();
}

TEST(WebStart, BeyondLoopbackOnlyWithLeave) {
    ViewBoard board;
    EventFeed feed;
    LiveWeb source(board, feed);
    WebOptions options;
    options.address = "0.0.0.0";
    options.port = 0;
    ASSERT_FALSE(WebServer::start(options, source));
    options.insecure = true;
    EXPECT_TRUE(WebServer::start(options, source));
}

TEST(ParseListen, AddressesAndPorts) {
    WebOptions to;
    ASSERT_TRUE(parse_listen("127.0.0.2:80", to));
    EXPECT_EQ(to.address, "127.0.0.2");
    EXPECT_EQ(to.port, 80);
    ASSERT_TRUE(parse_listen("[::1]:81", to));
    EXPECT_EQ(to.address, "::1");
    ASSERT_TRUE(parse_listen("82", to));
    EXPECT_EQ(to.port, 82);
    EXPECT_FALSE(parse_listen("127.0.0.1:http", to));
    EXPECT_FALSE(parse_listen("127.0.0.1:65536", to));
    EXPECT_FALSE(parse_listen("", to));
}

}  // namespace
}  // namespace nstrail
