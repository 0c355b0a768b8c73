// SPDX-License-Identifier: Apache-2.0
#include "app/child.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nstrail {

namespace {

[[noreturn]] void run(std::vector<std::string> command, int gate, int report) {
    char go = 0;
    // If the tracer dies instead of opening the gate, so does this.
    if (read(gate, &go, 1) != 1) {
        _exit(127);
    }
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (std::string& word : command) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    const int code = errno;
    [[maybe_unused]] const auto written = write(report, &code, sizeof(code));
    _exit(127);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& command) {
    int gate[2];
    int report[2];
    if (pipe2(gate, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        return fail("make a pipe", errno);
    }
    const pid_t pid = fork();
    if (pid < 0) {
        return fail("fork", errno);
    }
    if (pid == 0) {
        run(command, gate[0], report[1]);
    }
    Child child;
    child.pid_ = pid;
    close(gate[0]);
    close(report[1]);
    child.gate_ = Fd(gate[1]);
    child.report_ = Fd(report[0]);
    return child;
}

Result<void> Child::release(const std::string& name) {
    char go = 'x';
    if (write(gate_.get(), &go, 1) != 1) {
        return fail("start " + name, errno);
    }
    int code = 0;
    if (read(report_.get(), &code, sizeof(code)) == sizeof(code)) {
        return fail("run " + name, code, "check the command after --");
    }
    return {};
}

bool Child::ended() {
    int status = 0;
    if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
        ended_ = true;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return ended_;
}

}  // namespace nstrail
