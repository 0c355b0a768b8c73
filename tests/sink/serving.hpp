// SPDX-License-Identifier: Apache-2.0
// A web server with a writer behind it, and clients that say what they like.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "sink/sample.hpp"
#include "sink/web.hpp"
#include "sink/web_live.hpp"

namespace nstrail::test {

class Serving {
public:
    explicit Serving(WebOptions options) {
        options.port = 0;
        options.version = "test";
        auto started = WebServer::start(options, source_);
        EXPECT_TRUE(started) << started.error().line();
        if (!started) {
            return;
        }
        server_ = std::move(*started);
        port_ = std::stoi(server_->address().substr(server_->address().rfind(':') + 1));
        writer_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (board_.wait(std::chrono::milliseconds(5))) {
                    board_.publish(std::make_shared<Publication>(Publication{.view = sample_view(),
                                                                             .source = {},
                                                                             .findings = {},
                                                                             .notices = {},
                                                                             .unready = {},
                                                                             .note = {}}));
                }
            }
        });
    }
    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] const std::string& address() const { return server_->address(); }

private:
    ViewBoard board_;
    EventFeed feed_;
    LiveWeb source_{board_, feed_};
    std::unique_ptr<WebServer> server_;
    int port_ = 0;
    std::jthread writer_;
};

/// A connection to a port of 127.0.0.1.
class Raw {
public:
    explicit Raw(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(port));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
        const timeval patience{.tv_sec = 60, .tv_usec = 0};
        setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    }
    [[nodiscard]] bool connected() const { return connected_; }
    [[nodiscard]] int socket() const { return socket_.get(); }
    bool say(std::string_view text) {
        return send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    /// All until the other side closes.
    std::string hear() {
        std::string all;
        char room[4096];
        for (ssize_t got = 0; (got = recv(socket_.get(), room, sizeof(room), 0)) > 0;) {
            all.append(room, static_cast<std::size_t>(got));
        }
        return all;
    }

private:
    Fd socket_;
    bool connected_ = false;
};

/// What is answered to a request of these lines, which ends the connection.
inline std::string answer_to(int port, const std::string& head) {
    Raw raw(port);
    raw.say(head + "\r\nConnection: close\r\n\r\n");
    return raw.hear();
}

}  // namespace nstrail::test
