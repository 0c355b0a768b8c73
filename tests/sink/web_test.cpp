// SPDX-License-Identifier: Apache-2.0
// The web server from outside: a real socket, a writer thread that publishes, clients that ask at
// once.
#include "sink/web.hpp"

#include <atomic>
#include <thread>

#include <httplib.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sink/sample.hpp"

namespace nstrail {
namespace {

class Web : public testing::Test {
protected:
    void SetUp() override {
        WebOptions options;
        options.port = 0;
        options.version = "test";
        options.doctor = R"({"schema":"nstrail.doctor/1"})";
        options.rules = R"({"schema":"nstrail.rules/1"})";
        auto started = WebServer::start(options, board_);
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

    ViewBoard board_;
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
    const auto page = get("/");
    EXPECT_NE(page->body.find("4026532200"), std::string::npos);
    EXPECT_EQ(page->body.find("\x1b"), std::string::npos);
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
    EXPECT_EQ(client.Post("/api/v1/tree", "x", "text/plain")->status, 404);
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
    const auto refused = WebServer::start(second, board);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().line().find("Address already in use"), std::string::npos)
        << refused.error().line();
}

TEST(WebStart, BeyondLoopbackOnlyWithLeave) {
    ViewBoard board;
    WebOptions options;
    options.address = "0.0.0.0";
    options.port = 0;
    ASSERT_FALSE(WebServer::start(options, board));
    options.insecure = true;
    EXPECT_TRUE(WebServer::start(options, board));
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
