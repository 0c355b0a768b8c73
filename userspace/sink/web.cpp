// SPDX-License-Identifier: Apache-2.0
#include "sink/web.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <thread>

#include <arpa/inet.h>
#include <httplib.h>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sink/findings.hpp"
#include "sink/tree.hpp"
#include "sink/why.hpp"

namespace nstrail {

namespace {

// Those that follow the events have a thread each, so that there are always some for the others.
constexpr std::size_t worker_threads = 8 + EventFeed::most_clients;
constexpr std::chrono::milliseconds patience{5000};
// Of the events, what is written at once, and how soon it is noticed that a client has gone.
constexpr std::size_t piece = 64U << 10;
constexpr std::chrono::milliseconds look_every{1000};

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

std::string error_json(std::string_view what) {
    return fmt::format("{{\"error\":{}}}\n", json_quote(what));
}

/// %XX and + of a query; what is no escape stays as it is.
std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at++) {
        unsigned char byte = 0;
        const char* digits = text.data() + at + 1;
        if (text[at] == '%' && at + 2 < text.size() &&
            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            out += static_cast<char>(byte);
            at += 2;
        } else {
            out += text[at] == '+' ? ' ' : text[at];
        }
    }
    return out;
}

/// What follows filter= in a request's target; empty = there is no such parameter. httplib's own
/// parser would take of "filter=comm=sh" what is behind the last sign, which is another filter.
Result<std::optional<std::string>> filter_parameter(std::string_view target) {
    std::optional<std::string> found;
    const auto query = target.find('?');
    std::string_view rest = query == std::string_view::npos ? "" : target.substr(query + 1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const std::string_view one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (found || !one.starts_with("filter=")) {
            return fail("follow the events",
                        fmt::format("\"{}\" is no parameter", printable(one.substr(0, 40))),
                        "the only one is filter=EXPR; write & in it as %26, or as and");
        }
        found = decoded(one.substr(one.find('=') + 1));
    }
    return found;
}

/// One client that follows the events: what httplib asks for the next piece of the answer.
class EventAnswer {
public:
    EventAnswer(std::unique_ptr<EventFeed::Client> client, std::chrono::milliseconds heartbeat)
        : client_(std::move(client)), heartbeat_(heartbeat) {}

    /// False ends the connection.
    bool operator()(httplib::DataSink& sink) {
        std::string text;
        if (!began_) {
            began_ = true;
            text = ": the events of nstrail\n\n";
        }
        const auto wait = text.empty() ? std::min(look_every, heartbeat_) : look_every * 0;
        for (const EventFeed::Line& line : client_->take(wait, piece)) {
            if (line.left_out != 0) {
                text += fmt::format("event: gap\ndata: {{\"left_out\":{}}}\n\n", line.left_out);
            }
            if (line.json) {
                text += fmt::format("id: {}\ndata: {}\n\n", line.id, *line.json);
            }
        }
        const auto now = std::chrono::steady_clock::now();
        if (text.empty() && now - said_at_ >= heartbeat_) {
            text = ": still here\n\n";
        }
        if (!text.empty()) {
            said_at_ = now;
            return sink.write(text.data(), text.size());
        }
        if (client_->ended()) {
            sink.done();
            return true;
        }
        return sink.is_writable();  // or it has gone
    }

private:
    std::unique_ptr<EventFeed::Client> client_;
    std::chrono::milliseconds heartbeat_;
    std::chrono::steady_clock::time_point said_at_ = std::chrono::steady_clock::now();
    bool began_ = false;
};

}  // namespace

struct WebServer::State {
    httplib::Server server;
    std::thread listener;
    std::string address;
    ViewBoard& board;
    EventFeed& feed;
    WebOptions options;

    State(ViewBoard& from, EventFeed& events, WebOptions given)
        : board(from), feed(events), options(std::move(given)) {}

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

    void follow(const httplib::Request& request, httplib::Response& response);
    void routes();
};

void WebServer::State::follow(const httplib::Request& request, httplib::Response& response) {
    const auto refuse = [&](const Error& error) {
        response.status = 400;
        response.set_content(error_json(error.line()), "application/json");
    };
    const auto text = filter_parameter(request.target);
    if (!text) {
        refuse(text.error());
        return;
    }
    std::optional<Filter> filter;
    if (*text) {
        auto parsed = parse_filter(**text);
        if (!parsed) {
            refuse(parsed.error());
            return;
        }
        filter = std::move(*parsed);
    }
    auto client = feed.follow(std::move(filter));
    if (!client) {
        response.status = 503;
        response.set_content(
            error_json(fmt::format("{} clients follow the events already, or the agent is "
                                   "stopping; try again when one has gone",
                                   EventFeed::most_clients)),
            "application/json");
        return;
    }
    // httplib wants to copy what it calls.
    const auto answer = std::make_shared<EventAnswer>(std::move(client), options.heartbeat);
    response.set_chunked_content_provider(
        "text/event-stream",
        [answer](std::size_t /*offset*/, httplib::DataSink& sink) { return (*answer)(sink); });
}

void WebServer::State::routes() {
    server.Get("/", [this](const httplib::Request&, httplib::Response& response) {
        with_state(response, "text/html; charset=utf-8",
                   [](const Publication& now) { return page(now); });
    });
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
        with_state(response, "text/plain; version=0.0.4; charset=utf-8",
                   [this](const Publication& now) {
                       return metrics_text(now.view, now.source, now.findings, now.notices,
                                           feed.figures(), options.version);
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
    server.Get("/api/v1/events",
               [this](const httplib::Request& request, httplib::Response& response) {
                   follow(request, response);
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

Result<std::unique_ptr<WebServer>> WebServer::start(const WebOptions& options, ViewBoard& board,
                                                    EventFeed& feed) {
    const std::string what = fmt::format("listen on {}:{}", options.address, options.port);
    if (!is_loopback(options.address) && !options.insecure) {
        return fail(what,
                    "this is beyond loopback, and anybody there could read about this host's tasks",
                    "listen on 127.0.0.1, or add --insecure-listen if the network is yours alone");
    }
    auto state = std::make_unique<State>(board, feed, options);
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
    state_->feed.close();
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
