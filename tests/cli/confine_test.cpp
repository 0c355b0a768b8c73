// SPDX-License-Identifier: Apache-2.0
// What the agent gives up once it follows the host, and what it says to a service manager.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "cli/outcome.hpp"
#include "cli/served.hpp"
#include "support/temp_dir.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;
bool may_change_user() {
    return geteuid() == 0 && live_possible();
}

/// A line of /proc/PID/status, without its name.
std::string status_of(const std::string& directory, const std::string& name) {
    std::ifstream file(directory + "/status");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name + ":\t")) {
            return line.substr(name.size() + 2);
        }
    }
    return {};
}

/// Until `enough`, or for so long that something is wrong.
bool soon(const std::function<bool()>& enough) {
    for (int tries = 0; tries < 600; tries++) {
        if (enough()) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

bool becomes_ready(const Served& served) {
    return soon([&] {
        const auto answer = served.get("/readyz");
        return answer && answer->status == 200;
    });
}

/// Without the program that tries them, as under sanitizers, the agent has no filter.
void expect_refusals([[maybe_unused]] const Served& served) {
#ifdef REFUSED_PROGRAM
    for (const auto& thread : fs::directory_iterator(fmt::format("/proc/{}/task", served.pid()))) {
        EXPECT_EQ(status_of(thread.path(), "Seccomp"), "2") << thread.path();
    }
    const Outcome refused = run(fmt::format("{} {}", REFUSED_PROGRAM, served.pid()));
    EXPECT_EQ(refused.status, 0) << refused.out << refused.err;
    EXPECT_NE(refused.out.find("refused execve"), std::string::npos) << refused.out;
#endif
}

TEST(ServedConfinement, HasAnotherUserAndTwoCapabilitiesInEveryThread) {
    if (!may_change_user()) {
        GTEST_SKIP() << "nothing can be traced here, or this is not root";
    }
    const TempDir dir;
    ASSERT_EQ(chown(dir.path().c_str(), nobody, nobody), 0);
    const std::string recording = dir.path() + "/recording";
    Served served(
        {"agent", "--listen", "127.0.0.1:0", "--user", "65534:65534", "--record", recording});
    ASSERT_TRUE(becomes_ready(served));
    int threads = 0;
    for (const auto& thread : fs::directory_iterator(fmt::format("/proc/{}/task", served.pid()))) {
        EXPECT_EQ(status_of(thread.path(), "Uid"), "65534\t65534\t65534\t65534");
        EXPECT_EQ(status_of(thread.path(), "Gid"), "65534\t65534\t65534\t65534");
        EXPECT_EQ(status_of(thread.path(), "Groups"), " ");
        // CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.
        for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) {
            EXPECT_EQ(status_of(thread.path(), set), "0000000000080004") << set;
        }
        EXPECT_EQ(status_of(thread.path(), "CapAmb"), "0000000000000000");
        EXPECT_EQ(status_of(thread.path(), "NoNewPrivs"), "1");
        threads++;
    }
    EXPECT_GT(threads, 3);
    expect_refusals(served);
    // It goes on: what is born now is told, with its namespaces and executable, and recorded.
    EXPECT_TRUE(soon([&] {
        const auto card = served.get(fmt::format("/api/v1/task/{}", getpid()));
        return card && card->status == 200 && !nlohmann::json::parse(card->body)["story"].empty();
    }));
    EXPECT_EQ(served.json("/api/v1/why/4026531836")["schema"], "nstrail.why/1");
    EXPECT_TRUE(becomes_ready(served));
    EXPECT_EQ(served.stop(), 0);
    struct stat made{};
    ASSERT_EQ(stat(recording.c_str(), &made), 0);
    EXPECT_EQ(made.st_uid, nobody);
    const Outcome checked = run("$N check " + recording);
    EXPECT_TRUE(checked.status == 0 || checked.status == 4) << checked.out << checked.err;
}

TEST(ServedConfinement, NeedsNoRootToBegin) {
    if (!may_change_user()) {
        GTEST_SKIP() << "nothing can be traced here, or this is not root";
    }
    // Where another user finds it.
    const TempDir dir;
    const std::string binary = dir.path() + "/nstrail";
    fs::copy_file(NSTRAIL_BINARY, binary);
    fs::permissions(dir.path(), fs::perms::others_read | fs::perms::others_exec,
                    fs::perm_options::add);
    const nlohmann::json roots = nlohmann::json::parse(run("$N doctor --json").out);
    const std::pair<std::string, std::string> kept[] = {
        {"-all,+bpf,+perfmon,+sys_ptrace", "0000000000080000"},
        {"-all,+bpf,+perfmon", "0000000000000000"}};
    for (const auto& [few, rest] : kept) {
        Served served({"--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                       "--bounding-set=" + few, "--inh-caps=" + few, "--ambient-caps=" + few,
                       binary, "agent", "--listen", "127.0.0.1:0"},
                      "/usr/bin/setpriv");
        ASSERT_TRUE(becomes_ready(served)) << few;
        const std::string process = fmt::format("/proc/{}", served.pid());
        EXPECT_EQ(status_of(process, "Uid"), "65534\t65534\t65534\t65534");
        EXPECT_EQ(status_of(process, "CapPrm"), rest);
        expect_refusals(served);
        const nlohmann::json doctor = served.json("/api/v1/doctor");
        EXPECT_EQ(doctor["mode"], roots["mode"]);
        for (std::size_t i = 0; i < roots["hooks"].size(); i++) {
            EXPECT_EQ(doctor["hooks"][i]["way"], roots["hooks"][i]["way"]) << roots["hooks"][i];
        }
        EXPECT_EQ(served.stop(), 0);
    }
}

TEST(ServedConfinement, SaysWhatIsWrongWithAUser) {
    if (!may_change_user()) {
        GTEST_SKIP() << "nothing can be traced here, or this is not root";
    }
    const std::pair<const char*, const char*> wrong[] = {
        {"no-such-user", "change to the user no-such-user: there is no such user"},
        {"12:x", "change to the user 12:x: it is not UID:GID, two numbers"},
        {"4294967295:0", "change to the user 4294967295:0: it is not UID:GID, two numbers"},
    };
    for (const auto& [user, line] : wrong) {
        const Outcome outcome =
            run(fmt::format("$N agent --listen 127.0.0.1:0 --for 5s --user {}", user));
        EXPECT_EQ(outcome.status, 1) << outcome.out;
        expect_one_clear_line(outcome);
        EXPECT_NE(outcome.err.find(line), std::string::npos) << outcome.err;
    }
}

/// Who is told what the agent says of itself (sd_notify(3)).
class Manager {
public:
    explicit Manager(const std::string& path) : heard_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        if (bind(heard_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
            ADD_FAILURE() << "cannot listen at " << path;
        }
        fs::permissions(path, fs::perms::all);
    }
    /// Whether `word` was said since the last one that was asked for.
    bool hears(const std::string& word) {
        return soon([&] {
            char room[4096];
            for (ssize_t size = 0;
                 (size = recv(heard_.get(), room, sizeof(room), MSG_DONTWAIT)) > 0;) {
                said_ += std::string(room, static_cast<std::size_t>(size)) + '\n';
            }
            const auto at = said_.find(word);
            if (at != std::string::npos) {
                said_.erase(0, at + word.size());
            }
            return at != std::string::npos;
        });
    }

private:
    Fd heard_;
    std::string said_;
};

TEST(ServedManager, HearsThatTheAgentIsReadyAliveReloadingAndStopping) {
    if (!live_possible()) {
        GTEST_SKIP() << "nothing can be traced here";
    }
    const TempDir dir;
    const std::string token = dir.path() + "/token";
    const auto write_token = [&](const char* word) {
        std::ofstream(token) << word << '\n';
        fs::permissions(token, fs::perms::owner_read | fs::perms::owner_write);
    };
    write_token("correct-horse");
    Manager manager(dir.path() + "/notify");
    setenv("NOTIFY_SOCKET", (dir.path() + "/notify").c_str(), 1);
    setenv("WATCHDOG_USEC", "400000", 1);
    Served served({"agent", "--listen", "127.0.0.1:0", "--token-file", token, "--record",
                   dir.path() + "/recording"});
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    EXPECT_TRUE(manager.hears("READY=1\n"));
    EXPECT_TRUE(manager.hears("STATUS=follows this host\n"));
    EXPECT_TRUE(manager.hears("WATCHDOG=1\n"));
    EXPECT_TRUE(manager.hears("WATCHDOG=1\n"));

    httplib::Client client("127.0.0.1", served.port());
    const auto allowed = [&](const char* word) {
        client.set_bearer_token_auth(word);
        const auto answer = client.Get("/api/v1/about");
        return answer && answer->status == 200;
    };
    EXPECT_TRUE(allowed("correct-horse"));
    const auto chunks = [&] {
        std::size_t count = 0;
        std::error_code none;
        for (const auto& at : fs::recursive_directory_iterator(dir.path() + "/recording", none)) {
            count += at.path().filename().string().starts_with("chunk-") ? 1 : 0;
        }
        return count;
    };
    EXPECT_TRUE(soon([&] { return chunks() == 1; }));
    write_token("battery-staple");
    kill(served.pid(), SIGHUP);
    EXPECT_TRUE(manager.hears("RELOADING=1\nMONOTONIC_USEC="));
    EXPECT_TRUE(manager.hears("READY=1\n"));
    EXPECT_TRUE(allowed("battery-staple"));
    EXPECT_FALSE(allowed("correct-horse"));
    EXPECT_TRUE(soon([&] { return chunks() == 2; }));

    // One that cannot be used changes nothing.
    write_token("short");
    kill(served.pid(), SIGHUP);
    EXPECT_TRUE(manager.hears("READY=1\n"));
    EXPECT_TRUE(allowed("battery-staple"));

    EXPECT_EQ(served.stop(), 0);
    EXPECT_TRUE(manager.hears("STOPPING=1\n"));
}

}  // namespace
}  // namespace nstrail::test
