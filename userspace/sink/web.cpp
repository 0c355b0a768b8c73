// SPDX-License-Identifier: Apache-2.0
#include "sink/web.hpp"

#include <cerrno>
#include <charconv>
#include <thread>

#include <arpa/inet.h>
#include <httplib.h>

#include <fmt/format.h>

#include "sink/findings.hpp"
#include "sink/tree.hpp"
#include "sink/why.hpp"

namespace nstrail {

namespace {

constexpr std::size_t worker_threads = 8;
constexpr std::chrono::milliseconds patience{5000};

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

std::string html_escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string page(const Publication& now) {
    const View& view = now.view;
    return fmt::format(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>nstrail</title>"
        "<meta http-equiv=\"refresh\" content=\"2\">"
        "<style>body{{font-family:sans-serif;margin:1.5em}}pre{{font-size:13px;line-height:1.35;"
        "overflow-x:auto}}"
        "@media(prefers-color-scheme:dark){{body{{background:#16181d;color:#e4e4e4}}a{{color:#"
        "8ab4f8}}}}</style></head>"
        "<body><h1>nstrail</h1><p>{} tasks · {} namespaces · {} events lost · {}</p>"
        "<p><a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/tree?tasks=1\">tree</a> · "
        "<a href=\"/api/v1/doctor\">doctor</a> · <a href=\"/api/v1/rules\">rules</a> · <a "
        "href=\"/readyz\">ready?</a></p>"
        "<pre>{}</pre></body></html>\n",
        view.task_count(), view.namespace_count(), view.lost(),
        view.certain() ? "certain" : "not certain",
        html_escape(tree_text(view, {.tasks = false, .types = {}, .note = now.note})));
}

}  // namespace

struct WebServer::State {
    httplib::Server server;
    std::thread listener;
    std::string address;
    ViewBoard& board;
    WebOptions options;

    State(ViewBoard& from, WebOptions given) : board(from), options(std::move(given)) {}

    /// Answers with what make(publication) says, or 503 where the agent does not answer.
    template <class F>
    void with_state(httplib::Response& response, const char* type, F&& make) {
        const auto publication = board.fresh(patience);
        if (!publication) {
            response.status = 503;
            response.set_content("the agent is stopping or busy; try again\n", "text/plain");
            return;
        }
        response.set_content(make(*publication), type);
    }

    void routes();
};

void WebServer::State::routes() {
    server.Get("/", [this](const httplib::Request&, httplib::Response& response) {
        with_state(response, "text/html; charset=utf-8",
                   [](const Publication& now) { return page(now); });
    });
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
        with_state(response, "text/plain; version=0.0.4; charset=utf-8",
                   [this](const Publication& now) {
                       return metrics_text(now.view, now.source, now.findings, now.notices,
                                           options.version);
                   });
    });
    server.Get("/api/v1/tree", [this](const httplib::Request& request,
                                      httplib::Response& response) {
        const bool tasks = request.has_param("tasks") && request.get_param_value("tasks") != "0";
        with_state(response, "application/json", [&](const Publication& now) {
            return tree_json(now.view, {.tasks = tasks, .types = {}, .note = now.note}) + "\n";
        });
    });
    server.Get(R"(/api/v1/why/(\d{1,10}))",
               [this](const httplib::Request& request, httplib::Response& response) {
                   const std::string text = request.matches[1];
                   std::uint32_t inum = 0;
                   std::from_chars(text.data(), text.data() + text.size(), inum);
                   with_state(response, "application/json", [&](const Publication& now) {
                       const auto ns = now.view.ns(inum);
                       if (!ns) {
                           response.status = 404;
                           return fmt::format("{{\"error\":\"no namespace {} is known\"}}\n", text);
                       }
                       return why_json(now.view, *ns, now.note) + "\n";
                   });
               });
    server.Get("/api/v1/findings", [this](const httplib::Request&, httplib::Response& response) {
        with_state(response, "application/json", [](const Publication& now) {
            return findings_json(now.findings, now.notices) + "\n";
        });
    });
    server.Get("/api/v1/doctor", [this](const httplib::Request&, httplib::Response& response) {
        response.set_content(options.doctor + "\n", "application/json");
    });
    server.Get("/api/v1/rules", [this](const httplib::Request&, httplib::Response& response) {
        response.set_content(options.rules + "\n", "application/json");
    });
    server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
        response.set_content("alive\n", "text/plain");
    });
    server.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
        const auto publication = board.fresh(patience);
        if (publication && publication->unready.empty()) {
            response.set_content("ready\n", "text/plain");
            return;
        }
        response.status = 503;
        response.set_content(
            "not ready: " + (publication ? publication->unready : "the agent does not answer") +
                "\n",
            "text/plain");
    });
    server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
        if (response.body.empty()) {
            response.set_content(fmt::format("{}: nothing here; see /\n", response.status),
                                 "text/plain");
        }
        (void)request;
    });
}

Result<std::unique_ptr<WebServer>> WebServer::start(const WebOptions& options, ViewBoard& board) {
    const std::string what = fmt::format("listen on {}:{}", options.address, options.port);
    if (!is_loopback(options.address) && !options.insecure) {
        return fail(what,
                    "this is beyond loopback, and anybody there could read about this host's tasks",
                    "listen on 127.0.0.1, or add --insecure-listen if the network is yours alone");
    }
    auto state = std::make_unique<State>(board, options);
    state->server.new_task_queue = [] { return new httplib::ThreadPool(worker_threads); };
    state->server.set_read_timeout(5);
    state->server.set_write_timeout(10);
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
    state->routes();
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
    state_->board.close();
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
