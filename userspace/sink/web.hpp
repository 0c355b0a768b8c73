// SPDX-License-Identifier: Apache-2.0
// The HTTP side of an agent, or of a recording that is served: read only, bounded in size, time and
// connections.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sink/web_limits.hpp"
#include "sink/web_source.hpp"

namespace nstrail {

struct WebOptions {
    std::string address = "127.0.0.1";
    int port = 9977;              ///< 0 = any free one
    bool insecure = false;        ///< listen beyond loopback without TLS and credentials
    std::string tls_certificate;  ///< files in PEM; empty = not encrypted
    std::string tls_key;
    std::string tls_client_ca;             ///< only clients with a certificate of it; empty = all
    std::string token_file;                ///< demand the token in it; empty = none
    std::vector<std::string> allow_hosts;  ///< names besides those of loopback and the address
    WebLimits limits;
    std::string version;
    std::string doctor;  ///< the document nstrail.doctor/1; empty = there is none
    std::string rules;   ///< the document nstrail.rules/1
    /// How often a client that follows the events hears at least a comment.
    std::chrono::milliseconds heartbeat{15'000};
};

/// Parses "ADDR:PORT", "[v6]:PORT" or "PORT".
[[nodiscard]] Result<void> parse_listen(const std::string& text, WebOptions& to);

/// All addresses that are served besides the page's own files, as docs/openapi.json writes them:
/// "/api/v1/task/{tid}".
[[nodiscard]] std::vector<std::string_view> web_paths();

class WebServer {
public:
    /// Binds and serves from threads of its own until destroyed, which closes the source and waits
    /// for clients in the middle of an answer, at most some seconds. Fails where the address
    /// cannot be bound, or is beyond loopback without leave. The source must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<WebServer>> start(const WebOptions& options,
                                                                  WebSource& source);
    ~WebServer();
    WebServer(const WebServer&) = delete;
    WebServer& operator=(const WebServer&) = delete;

    /// Reads certificate, key, authority and token again, for connections and requests that come
    /// from now on. Where one cannot be used nothing changes.
    [[nodiscard]] Result<void> reload();

    /// "http://127.0.0.1:9977"
    [[nodiscard]] const std::string& address() const;

private:
    struct State;
    explicit WebServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace nstrail
