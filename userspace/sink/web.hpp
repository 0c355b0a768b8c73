// SPDX-License-Identifier: Apache-2.0
// The agent's HTTP side: read only, bounded in size, time and connections.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "sink/board.hpp"
#include "sink/event_feed.hpp"

namespace nstrail {

struct WebOptions {
    std::string address = "127.0.0.1";
    int port = 9977;        ///< 0 = any free one
    bool insecure = false;  ///< listen beyond loopback without TLS and credentials
    std::string version;
    std::string doctor;  ///< the document nstrail.doctor/1
    std::string rules;   ///< the document nstrail.rules/1
    /// How often a client that follows the events hears at least a comment.
    std::chrono::milliseconds heartbeat{15'000};
};

/// Parses "ADDR:PORT", "[v6]:PORT" or "PORT".
[[nodiscard]] Result<void> parse_listen(const std::string& text, WebOptions& to);

class WebServer {
public:
    /// Binds and serves from threads of its own until destroyed, which closes board and feed and
    /// waits for clients in the middle of an answer, at most some seconds. Fails where the address
    /// cannot be bound, or is beyond loopback without leave.
    [[nodiscard]] static Result<std::unique_ptr<WebServer>> start(const WebOptions& options,
                                                                  ViewBoard& board,
                                                                  EventFeed& feed);
    ~WebServer();
    WebServer(const WebServer&) = delete;
    WebServer& operator=(const WebServer&) = delete;

    /// "http://127.0.0.1:9977"
    [[nodiscard]] const std::string& address() const;

private:
    struct State;
    explicit WebServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace nstrail
