// SPDX-License-Identifier: Apache-2.0
// /api/v1/events of the real agent, on this very kernel.
#include <csignal>
#include <cstdio>
#include <sstream>
#include <thread>

#include <httplib.h>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/outcome.hpp"

namespace nstrail::test {
namespace {

using nlohmann::json;

/// The agent, on a port of its own.
class Agent {
public:
    Agent()
        : pipe_(popen("echo $$; exec '" NSTRAIL_BINARY "' agent --listen 127.0.0.1:0 2>/dev/null",
                      "r")) {
        char line[256] = {};
        if (std::fgets(line, sizeof(line), pipe_) != nullptr) {
            pid_ = std::stoi(line);
        }
        if (std::fgets(line, sizeof(line), pipe_) != nullptr) {
            const std::string said = line;
            const std::string before = "page http://127.0.0.1:";
            const auto at = said.find(before);
            port_ = at == std::string::npos ? 0 : std::stoi(said.substr(at + before.size()));
        }
    }
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;
    ~Agent() { (void)stop(); }

    [[nodiscard]] int port() const { return port_; }
    /// Its exit code.
    int stop() {
        if (pipe_ == nullptr) {
            return -1;
        }
        if (pid_ > 0) {
            kill(pid_, SIGTERM);
        }
        const int status = pclose(pipe_);
        pipe_ = nullptr;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    FILE* pipe_;
    pid_t pid_ = 0;
    int port_ = 0;
};

TEST(Events, OfWhatMatchesFollowOneAnother) {
    if (!live_possible()) {
        return;
    }
    Agent agent;
    ASSERT_NE(agent.port(), 0);
    std::jthread acts([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            (void)run("/bin/true");
        }
    });
    httplib::Client client("127.0.0.1", agent.port());
    client.set_read_timeout(60);
    std::string got;
    (void)client.Get("/api/v1/events?filter=kind=task_exec%20and%20comm=true",
                     [&](const char* data, std::size_t size) {
                         got.append(data, size);
                         return got.find("id: 4\n") == std::string::npos;
                     });
    acts.request_stop();
    std::istringstream lines(got);
    int execs = 0;
    for (std::string line; std::getline(lines, line) && execs < 2;) {
        if (!line.starts_with("data: ")) {
            continue;
        }
        const json event = json::parse(line.substr(6));
        if (event["kind"] != "session" && event["kind"] != "gap") {
            EXPECT_EQ(event["kind"], "task_exec");
            EXPECT_EQ(event["comm"], "true");
            execs++;
        }
    }
    EXPECT_EQ(execs, 2) << got;
    const auto refused = client.Get("/api/v1/events?filter=comn=true");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 400);
    EXPECT_EQ(refused->body,
              "{\"error\":\"filter: column 1: unknown field \\\"comn\\\"; did you mean "
              "\\\"comm\\\"?\"}\n");
}

TEST(Events, TheAgentEndsCleanlyWithFollowers) {
    if (!live_possible()) {
        return;
    }
    Agent agent;
    ASSERT_NE(agent.port(), 0);
    std::atomic<int> following = 0;
    std::vector<std::jthread> followers;
    for (int i = 0; i < 3; i++) {
        followers.emplace_back([&] {
            httplib::Client client("127.0.0.1", agent.port());
            client.set_read_timeout(60);
            bool first = true;
            (void)client.Get("/api/v1/events", [&](const char* /*data*/, std::size_t /*size*/) {
                following += first ? 1 : 0;
                first = false;
                return true;
            });
        });
    }
    for (int i = 0; i < 3000 && following != 3; i++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(following, 3);
    EXPECT_EQ(agent.stop(), 0);
    followers.clear();  // each is told the end
}

}  // namespace
}  // namespace nstrail::test
