// SPDX-License-Identifier: Apache-2.0
#include "sink/web.hpp"

#include <cerrno>
#include <charconv>
#include <thread>

#include <arpa/inet.h>
#include <httplib.h>

#include <fmt/format.h>

#include "sink/web_routes.hpp"

namespace nstrail {

namespace {

// Those that follow the events have a thread each, so that there are always some for the others.
constexpr std::size_t worker_threads = 8 + EventFeed::most_clients;

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

}  // namespace

struct WebServer::State {
    httplib::Server server;
    std::thread listener;
    std::string address;
    WebSource& source;
    const WebOptions options;

    State(WebSource& from, WebOptions given) : source(from), options(std::move(given)) {}
};

Result<std::unique_ptr<WebServer>> WebServer::start(const WebOptions& options, WebSource& source) {
    const std::string what = fmt::format("listen on {}:{}", options.address, options.port);
    if (!is_loopback(options.address) && !options.insecure) {
        return fail(what,
                    "this is beyond loopback, and anybody there could read about this host's tasks",
                    "listen on 127.0.0.1, or add --insecure-listen if the network is yours alone");
    }
    auto state = std::make_unique<State>(source, options);
    state->server.new_task_queue = [] { return new httplib::ThreadPool(worker_threads); };
    state->server.set_read_timeout(5);
    state->server.set_write_timeout(5);
    state->server.set_keep_alive_max_count(100);
    state->server.set_keep_alive_timeout(5);
    state->server.set_payload_max_length(4096);
    state->server.set_default_headers(
        {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
    // The library's default, SO_REUSEPORT, would let a second agent share the port unnoticed.
    state->server.set_socket_options([](socket_t socket) {
        const int yes = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    add_routes(state->server, source, state->options);
    errno = 0;
    int port = options.port;
    if (port == 0) {
        port = state->server.bind_to_any_port(options.address);
    } else if (!state->server.bind_to_port(options.address, port)) {
        port = -1;
    }
    if (port < 0) {
        const int code = errno;
        return fail(
            what, code == 0 ? "the address is not one of this host's" : fail("", code).error().why,
            code == EADDRINUSE
                ? "another program (another agent?) listens there; choose another --listen"
                : "choose another --listen ADDR:PORT");
    }
    const bool six = options.address.find(':') != std::string::npos;
    state->address =
        fmt::format(fmt::runtime(six ? "http://[{}]:{}" : "http://{}:{}"), options.address, port);
    state->listener = std::thread([server = &state->server] { server->listen_after_bind(); });
    // Until it runs it cannot be stopped, and whoever destroyed it would wait for ever.
    for (int tries = 0; tries < 5000 && !state->server.is_running(); tries++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return std::unique_ptr<WebServer>(new WebServer(std::move(state)));
}

WebServer::WebServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

WebServer::~WebServer() {
    state_->source.close();
    state_->server.stop();
    state_->listener.join();
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
