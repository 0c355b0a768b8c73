// SPDX-License-Identifier: Apache-2.0
#include "cli/served.hpp"

#include <array>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace nstrail::test {

Served::Served(const std::vector<std::string>& arguments, const std::string& program) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) {
        ADD_FAILURE() << "pipe";
        return;
    }
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
        dup2(pipe_ends[1], STDOUT_FILENO);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        execv(program.c_str(), argv.data());
        _exit(127);
    }
    close(pipe_ends[1]);
    out_ = pipe_ends[0];
    std::string said;
    for (char one = 0; said.find("/metrics\n") == said.npos && read(out_, &one, 1) == 1;) {
        said += one;
    }
    // "nstrail: page http://127.0.0.1:40123/  metrics …"
    const auto at = said.find("://");
    const auto end = said.find("/  metrics");
    if (at == said.npos || end == said.npos) {
        ADD_FAILURE() << "it does not serve: " << said;
        return;
    }
    const auto begin = said.rfind(' ', at) + 1;
    scheme_ = said.substr(begin, at - begin);
    port_ = std::stoi(said.substr(said.rfind(':', end) + 1));
}

Served::~Served() {
    (void)stop();
    close(out_);
}

int Served::stop() {
    if (child_ <= 0) {
        return -1;
    }
    kill(child_, SIGTERM);
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

httplib::Result Served::get(const std::string& path) const {
    httplib::Client client("127.0.0.1", port_);
    client.set_read_timeout(60);
    return client.Get(path);
}

nlohmann::json Served::json(const std::string& path) const {
    const auto answer = get(path);
    if (!answer) {
        ADD_FAILURE() << path << ": no answer";
        return {};
    }
    EXPECT_EQ(answer->get_header_value("Content-Type"), "application/json") << path;
    return nlohmann::json::parse(answer->body);
}

}  // namespace nstrail::test
