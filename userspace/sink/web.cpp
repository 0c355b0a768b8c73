// SPDX-License-Identifier: Apache-2.0
#include "sink/web.hpp"

#include <cerrno>
#include <charconv>
#include <optional>

#include <arpa/inet.h>
#include <fcntl.h>
#include <httplib.h>
#include <unistd.h>

#include <fmt/format.h>

#include "sink/web_front.hpp"
#include "sink/web_guard.hpp"
#include "sink/web_routes.hpp"
#include "sink/web_tls.hpp"

namespace nstrail {

namespace {

constexpr int waiting_connections = 512;

bool is_loopback(const std::string& address) {
    if (address == "localhost") {
        return true;
    }
    in_addr four{};
    if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
        return (ntohl(four.s_addr) >> 24) == 127;
    }
    in6_addr six{};
    return inet_pton(AF_INET6, address.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/// httplib's routes and documents, over connections of our own: its own have no deadline for a
/// whole request, and a thread each from the first byte on.
class Routed final : public httplib::Server {
public:
    /// Binds; -1 = it cannot, and errno may say why.
    int open(const std::string& address, int port) {
        errno = 0;
        if (port == 0) {
            port = bind_to_any_port(address);
        } else if (!bind_to_port(address, port)) {
            return -1;
        }
        return port;
    }
    [[nodiscard]] int listener() const { return svr_sock_; }
    /// Answers that have no end, end.
    void close() { ::close(svr_sock_.exchange(INVALID_SOCKET)); }

    /// False = the connection is to be closed.
    bool serve(httplib::Stream& stream, bool last) {
        bool closed = false;
        return process_request(stream, last, closed, nullptr) && !closed;
    }
};

/// The names that requests may be for; empty = any. Where everybody may connect, names are of no
/// use; on loopback a page of another name that was made to mean 127.0.0.1 must not read here.
std::vector<std::string> hosts_of(const WebOptions& options) {
    std::vector<std::string> hosts = options.allow_hosts;
    if (is_loopback(options.address) || !hosts.empty()) {
        const bool six = options.address.find(':') != std::string::npos;
        hosts.insert(hosts.end(), {"localhost", "127.0.0.1", "[::1]",
                                   six ? '[' + options.address + ']' : options.address});
    }
    return hosts;
}

Result<void> check_exposure(const WebOptions& options, const std::string& what) {
    if (options.tls_certificate.empty() != options.tls_key.empty() ||
        (options.tls_certificate.empty() && !options.tls_client_ca.empty())) {
        return fail(what, "TLS needs a certificate and its key",
                    "give --tls-cert FILE and --tls-key FILE");
    }
    if (is_loopback(options.address) || options.insecure) {
        return {};
    }
    if (options.tls_certificate.empty()) {
        return fail(what,
                    "this is beyond loopback, and anybody there could read about this host's tasks",
                    "listen on 127.0.0.1, or give --tls-cert, --tls-key and --token-file, or add "
                    "--insecure-listen if the network is yours alone");
    }
    if (options.tls_client_ca.empty() && options.token_file.empty()) {
        return fail(what, "this is beyond loopback, and anybody there could ask",
                    "give --token-file FILE or --tls-client-ca FILE");
    }
    return {};
}

}  // namespace

struct WebServer::State {
    const WebOptions options;
    WebSource& source;
    WebCounts counts;
    TlsInUse tls;
    WebGuard guard;
    Routed server;
    std::string address;
    std::unique_ptr<WebFront> front;

    State(WebSource& from, WebOptions given)
        : options(std::move(given)), source(from), guard(hosts_of(options), {}, counts) {}
    [[nodiscard]] Result<void> read_secrets();
    void prepare();
};

Result<void> WebServer::State::read_secrets() {
    Result<TlsContext> made = TlsContext(nullptr, SSL_CTX_free);
    if (!options.tls_certificate.empty()) {
        made = make_tls(options.tls_certificate, options.tls_key, options.tls_client_ca);
        if (!made) {
            return std::unexpected(made.error());
        }
    }
    Result<std::string> token;
    if (!options.token_file.empty()) {
        token = read_token(options.token_file);
        if (!token) {
            return std::unexpected(token.error());
        }
    }
    tls.use(std::move(*made));
    guard.demand(*token);
    return {};
}

void WebServer::State::prepare() {
    httplib::Headers headers;
    for (const auto& [name, value] : security_headers()) {
        headers.emplace(name, value);
    }
    server.set_default_headers(std::move(headers));
    server.set_keep_alive_max_count(options.limits.requests_each);
    server.set_keep_alive_timeout(options.limits.idle_time.count() / 1000);
    // The library's default, SO_REUSEPORT, would let a second agent share the port unnoticed.
    server.set_socket_options([](socket_t socket) {
        const int yes = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server.set_pre_routing_handler([this](const httplib::Request& request,
                                          httplib::Response& response) {
        return guard.turns_away(request, response) ? httplib::Server::HandlerResponse::Handled
                                                   : httplib::Server::HandlerResponse::Unhandled;
    });
    server.set_logger([this](const httplib::Request&, const httplib::Response& response) {
        counts.answer(response.status);
    });
    add_routes(server, source, options, counts);
}

Result<std::unique_ptr<WebServer>> WebServer::start(const WebOptions& options, WebSource& source) {
    const std::string what = fmt::format("listen on {}:{}", options.address, options.port);
    if (auto safe = check_exposure(options, what); !safe) {
        return std::unexpected(safe.error());
    }
    auto state = std::make_unique<State>(source, options);
    if (auto read = state->read_secrets(); !read) {
        return std::unexpected(read.error());
    }
    state->prepare();
    const int port = state->server.open(options.address, options.port);
    if (port < 0) {
        const int code = errno;
        return fail(
            what, code == 0 ? "the address is not one of this host's" : fail("", code).error().why,
            code == EADDRINUSE
                ? "another program (another agent?) listens there; choose another --listen"
                : "choose another --listen ADDR:PORT");
    }
    // The library lets five connections wait to be taken in.
    listen(state->server.listener(), waiting_connections);
    fcntl(state->server.listener(), F_SETFL, O_NONBLOCK);
    const bool six = options.address.find(':') != std::string::npos;
    state->address = fmt::format(fmt::runtime(six ? "{}://[{}]:{}" : "{}://{}:{}"),
                                 state->tls.now() ? "https" : "http", options.address, port);
    state->front = std::make_unique<WebFront>(
        state->server.listener(), state->tls, options.limits, state->counts,
        [server = &state->server](httplib::Stream& stream, bool last) {
            return server->serve(stream, last);
        });
    return std::unique_ptr<WebServer>(new WebServer(std::move(state)));
}

WebServer::WebServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

WebServer::~WebServer() {
    state_->source.close();
    state_->front.reset();
    state_->server.close();
}

Result<void> WebServer::reload() {
    return state_->read_secrets();
}

const std::string& WebServer::address() const {
    return state_->address;
}

Result<void> parse_listen(const std::string& text, WebOptions& to) {
    const auto colon = text.rfind(':');
    std::string address = colon == std::string::npos ? "" : text.substr(0, colon);
    const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
    int number = -1;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number < 0 || number > 65535) {
        return fail("understand --listen " + text, "it is not ADDR:PORT",
                    "e.g. --listen 127.0.0.1:9977");
    }
    if (address.size() >= 2 && address.front() == '[' && address.back() == ']') {
        address = address.substr(1, address.size() - 2);
    }
    if (!address.empty()) {
        to.address = address;
    }
    to.port = number;
    return {};
}

}  // namespace nstrail
