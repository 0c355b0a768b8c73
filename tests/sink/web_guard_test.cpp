// SPDX-License-Identifier: Apache-2.0
// Clients that mean no good, and those who may not.
#include <httplib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sink/serving.hpp"

namespace nstrail::test {
namespace {

int status_of(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

std::string get(int port, const std::string& target, const std::string& more = {}) {
    return answer_to(port, "GET " + target + " HTTP/1.1\r\nHost: localhost" + more);
}

double metric(int port, const std::string& name) {
    const std::string text = get(port, "/metrics");
    const auto at = text.find("\n" + name + " ");
    return at == text.npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

class File {
public:
    File(const std::string& name, const std::string& text, mode_t mode)
        : path_(testing::TempDir() + "web-" + std::to_string(getpid()) + "-" + name) {
        std::ofstream(path_) << text;
        chmod(path_.c_str(), mode);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { std::filesystem::remove(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

TEST(WebGuard, EveryAnswerHasTheSecurityHeaders) {
    const Serving serving({});
    for (const auto& [answer, status] :
         {std::pair(get(serving.port(), "/healthz"), 200),
          {get(serving.port(), "/metrics"), 200},
          {get(serving.port(), "/nothing"), 404},
          {get(serving.port(), "/api/v1/tree?x=1"), 400},
          {get(serving.port(), "/", "\r\nHost: two"), 421},
          {get(serving.port(), "/" + std::string(9000, 'x')), 414},
          {get(serving.port(), "/", "\r\nX: " + std::string(20'000, 'x')), 431}}) {
        EXPECT_EQ(status_of(answer), status) << answer.substr(0, 300);
        for (const char* header :
             {"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
              "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
              "form-action 'none'\r\n",
              "X-Content-Type-Options: nosniff\r\n", "Referrer-Policy: no-referrer\r\n",
              "X-Frame-Options: DENY\r\n", "Cross-Origin-Resource-Policy: same-origin\r\n",
              "Cache-Control: no-store\r\n"}) {
            EXPECT_NE(answer.find(header), answer.npos) << status << ' ' << header;
        }
        if (status != 200) {
            const auto body = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
            EXPECT_TRUE(body["error"].is_string()) << answer;
        }
    }
}

TEST(WebGuard, NothingCanBeWritten) {
    const Serving serving({});
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
        const std::string answer =
            answer_to(serving.port(), std::string(method) +
                                          " /api/v1/tree HTTP/1.1\r\nHost: localhost\r\n"
                                          "Content-Length: 3");
        EXPECT_EQ(status_of(answer), 405) << method << answer;
        EXPECT_NE(answer.find("Allow: GET, HEAD\r\n"), answer.npos) << method;
    }
    EXPECT_EQ(status_of(get(serving.port(), "/healthz", "\r\nContent-Length: 5")), 413);
    EXPECT_EQ(status_of(get(serving.port(), "/healthz", "\r\nTransfer-Encoding: chunked")), 413);
    const std::string head =
        answer_to(serving.port(), "HEAD /api/v1/tree HTTP/1.1\r\nHost: localhost");
    EXPECT_EQ(status_of(head), 200);
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
    EXPECT_EQ(metric(serving.port(), "nstrail_http_refused_total{reason=\"method\"}"), 5);
    EXPECT_EQ(metric(serving.port(), "nstrail_http_refused_total{reason=\"body\"}"), 2);
}

TEST(WebGuard, NoPathLeadsOutOfTheApi) {
    const Serving serving({});
    for (const char* path :
         {"/../etc/passwd", "/../../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
          "//etc/passwd", "/..%2f..%2fetc/passwd", "/api/v1/task/../../../etc/passwd",
          "/api/v1/task/1%2f..%2f2", "/etc/passwd", "/\\..\\etc\\passwd", "/%00", "/api/v1/why/-1",
          "/api/v1/tree/", "*"}) {
        const std::string answer = get(serving.port(), path);
        EXPECT_TRUE(status_of(answer) == 404 || status_of(answer) == 400) << path << answer;
        EXPECT_EQ(answer.find("root:"), answer.npos) << path;
    }
}

TEST(WebGuard, OnlyNamesOfItsOwnOnLoopback) {
    const Serving plain({});
    const auto asked = [](const Serving& serving, const std::string& host) {
        return status_of(answer_to(serving.port(), "GET /healthz HTTP/1.1\r\n" + host));
    };
    for (const char* host : {"Host: localhost", "Host: LOCALHOST:1", "Host: 127.0.0.1:9977",
                             "Host: [::1]:9977", "Host: [::1]"}) {
        EXPECT_EQ(asked(plain, host), 200) << host;
    }
    for (const char* host :
         {"Host: evil.example", "Host: localhost.evil.example:9977", "Host: 10.0.0.1",
          "Host: ", "X: y", "Host: localhost\r\nHost: evil.example", "Host: [::2]"}) {
        EXPECT_EQ(asked(plain, host), 421) << host;
    }
    WebOptions options;
    options.allow_hosts = {"proxy.example"};
    const Serving proxied(options);
    EXPECT_EQ(asked(proxied, "Host: Proxy.example"), 200);
    EXPECT_EQ(asked(proxied, "Host: localhost"), 200);
    EXPECT_EQ(asked(proxied, "Host: other.example"), 421);
}

TEST(WebGuard, ATokenIsDemanded) {
    const File file("token", "correct-horse\n", 0600);
    WebOptions options;
    options.token_file = file.path();
    const Serving serving(options);
    const auto asked = [&](const std::string& authorization) {
        return get(serving.port(), "/healthz",
                   authorization.empty() ? "" : "\r\nAuthorization: " + authorization);
    };
    EXPECT_EQ(status_of(asked("Bearer correct-horse")), 200);
    EXPECT_EQ(status_of(asked("bearer correct-horse")), 200);
    EXPECT_EQ(status_of(asked("Basic YW55Ym9keTpjb3JyZWN0LWhvcnNl")), 200);  // anybody:…
    EXPECT_EQ(status_of(asked("Basic OmNvcnJlY3QtaG9yc2U=")), 200);          // :…
    for (const char* wrong :
         {"", "Bearer", "Bearer ", "Bearer correct-hors", "Bearer correct-horse2",
          "Bearer  correct-horse", "Basic", "Basic Y29ycmVjdC1ob3JzZQ==", "Basic !!!!",
          "Basic YW55Ym9keTp3cm9uZw==", "Digest correct-horse", "correct-horse",
          "Bearer x\r\nAuthorization: Bearer correct-horse"}) {
        const std::string answer = asked(wrong);
        EXPECT_EQ(status_of(answer), 401) << wrong;
        EXPECT_NE(answer.find("WWW-Authenticate: Basic realm=\"nstrail\""), answer.npos) << wrong;
    }
    // Nor is anything told of what there is.
    EXPECT_EQ(status_of(get(serving.port(), "/nothing")), 401);
}

TEST(WebGuard, ATokenThatOthersCanReadIsRefused) {
    ViewBoard board;
    EventFeed feed;
    LiveWeb source(board, feed);
    const auto refused = [&](const std::string& path) {
        WebOptions options;
        options.port = 0;
        options.token_file = path;
        const auto started = WebServer::start(options, source);
        return started ? std::string("it started") : started.error().line();
    };
    EXPECT_EQ(refused("/nowhere"), "read /nowhere: No such file or directory");
    const File open("open", "correct-horse\n", 0604);
    EXPECT_EQ(
        refused(open.path()),
        "use " + open.path() + ": others may read it or write to it; chmod 600 " + open.path());
    for (const char* text : {"", "\n", "short\n", "two words here\n", "one-line-and\nanother\n"}) {
        const File file("bad", text, 0600);
        EXPECT_NE(refused(file.path()).find("it is not one line"), std::string::npos) << text;
    }
    const File good("good", "correct-horse", 0640);
    EXPECT_EQ(refused(good.path()), "it started");
}

TEST(WebGuard, WhoeverDripsBytesIsLetGo) {
    WebOptions options;
    options.limits.request_time = std::chrono::milliseconds(150);
    const Serving serving(options);
    Raw slow(serving.port());
    const std::string head = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    bool open = true;
    for (std::size_t i = 0; i < 100'000 && open; i++) {
        open = slow.say(i < head.size() ? head.substr(i, 1) : "x");
        char one = 0;
        open = open && recv(slow.socket(), &one, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(status_of(slow.hear()), 408);
    EXPECT_EQ(metric(serving.port(), "nstrail_http_refused_total{reason=\"timeout\"}"), 1);
    // One that says nothing at all is, too, and one that was answered and then says nothing.
    Raw silent(serving.port());
    EXPECT_EQ(silent.hear(), "");
}

TEST(WebGuard, AFloodOfHeadersIsRefused) {
    const Serving serving({});
    std::string many;
    for (int i = 0; i < 200; i++) {
        many += "\r\nX" + std::to_string(i) + ": y";
    }
    EXPECT_EQ(status_of(get(serving.port(), "/healthz", many)), 431);
    EXPECT_EQ(status_of(get(serving.port(), "/healthz", "\r\nX: " + std::string(40'000, 'y'))),
              431);
    // It never ends.
    Raw endless(serving.port());
    endless.say("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 100'000 && endless.say("X-Header: of many\r\n"); i++) {
    }
    EXPECT_EQ(get(serving.port(), "/healthz").find("alive\n") != std::string::npos, true);
    // Parts of a document are not served: thousands of them would be of many times its size.
    std::string ranges = "\r\nRange: bytes=0-0";
    for (int i = 0; i < 3000; i++) {
        ranges += ",0-0";
    }
    EXPECT_EQ(status_of(get(serving.port(), "/api/v1/tree", ranges)), 200);
}

TEST(WebGuard, ConnectionsAreKeptAndRequestsMayComeTogether) {
    const Serving serving({});
    Raw raw(serving.port());
    raw.say(
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: "
        "localhost\r\nConnection: close\r\n\r\n");
    const std::string both = raw.hear();
    EXPECT_NE(both.find("alive\n"), both.npos) << both;
    EXPECT_NE(both.find("ready\n", both.find("alive\n")), both.npos) << both;
}

TEST(WebGuard, AThousandIdleConnectionsLockNobodyOut) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const Serving serving({});
    std::vector<std::unique_ptr<Raw>> idle;
    for (int i = 0; i < 1000; i++) {
        idle.push_back(std::make_unique<Raw>(serving.port()));
        ASSERT_TRUE(idle.back()->connected()) << i;
        if (i % 100 == 99) {
            EXPECT_EQ(status_of(get(serving.port(), "/metrics")), 200) << i;
            EXPECT_EQ(status_of(get(serving.port(), "/healthz")), 200) << i;
        }
    }
    EXPECT_LE(metric(serving.port(), "nstrail_http_connections"), 256);
    EXPECT_EQ(metric(serving.port(), "nstrail_http_connection_limit"), 256);
    EXPECT_GT(metric(serving.port(), "nstrail_http_refused_total{reason=\"connections\"}"), 700);
    // Those that have the whole of it half asked.
    for (const auto& one : idle) {
        one->say("GET / HTTP/1.1\r\n");
    }
    EXPECT_EQ(status_of(get(serving.port(), "/metrics")), 200);
}

}  // namespace
}  // namespace nstrail::test
