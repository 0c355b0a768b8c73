// SPDX-License-Identifier: Apache-2.0
#include "io.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vmtests {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

std::string errno_text(const std::string& what) {
    return what + ": " + std::strerror(errno);
}

int left_ms(Clock::time_point until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

Clock::time_point after(Seconds limit) {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
}

void close_if_open(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
}

}  // namespace

std::expected<Child, std::string> Child::start(const std::vector<std::string>& command,
                                               const Streams& streams) {
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    if (streams.in_pipe && ::pipe2(in, O_CLOEXEC) != 0) return std::unexpected(errno_text("pipe"));
    if (streams.out.empty() && ::pipe2(out, O_CLOEXEC) != 0) {
        return std::unexpected(errno_text("pipe"));
    }
    std::vector<char*> arguments;
    for (const std::string& word : command)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);

    Child child;
    child.pid_ = ::fork();
    if (child.pid_ < 0) return std::unexpected(errno_text("fork"));
    if (child.pid_ == 0) {
        ::setpgid(0, 0);
        const auto redirect = [](const std::string& path, int pipe, int target, int flags) {
            const int fd = path.empty() ? pipe : ::open(path.c_str(), flags, 0644);
            if (fd >= 0) ::dup2(fd, target);
        };
        constexpr int output = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        redirect(streams.in_pipe ? "" : "/dev/null", in[0], STDIN_FILENO, O_RDONLY | O_CLOEXEC);
        redirect(streams.out, out[1], STDOUT_FILENO, output);
        if (!streams.err.empty()) redirect(streams.err, -1, STDERR_FILENO, output);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    // Both sides set it, so that the group exists whoever comes first.
    ::setpgid(child.pid_, child.pid_);
    child.in_ = in[1];
    child.out_ = out[0];
    close_if_open(in[0]);
    close_if_open(out[1]);
    return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      in_(std::exchange(other.in_, -1)),
      out_(std::exchange(other.out_, -1)),
      buffer_(std::move(other.buffer_)),
      status_(other.status_) {}

Child::~Child() {
    close_if_open(in_);
    close_if_open(out_);
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    if (!status_) ::waitpid(pid_, nullptr, 0);
}

bool Child::write(const std::string& text) {
    return ::write(in_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void Child::close_input() {
    close_if_open(in_);
}

std::expected<std::optional<std::string>, std::string> Child::read_line(Seconds limit) {
    const auto until = after(limit);
    while (true) {
        if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        pollfd poll{.fd = out_, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&poll, 1, left_ms(until));
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return std::unexpected(std::string("says nothing"));
        char bytes[4096];
        const ssize_t got = ::read(out_, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(errno_text("read"));
        if (got == 0) return std::optional<std::string>{};
        buffer_.append(bytes, static_cast<std::size_t>(got));
    }
}

void Child::signal(int number) const {
    ::kill(pid_, number);
}

std::optional<int> Child::wait(Seconds limit) {
    const auto until = after(limit);
    while (!status_) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            status_ = status;
        } else if (Clock::now() > until) {
            break;
        } else {
            std::this_thread::sleep_for(10ms);
        }
    }
    return status_;
}

std::string describe_status(int status) {
    if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) == 127) return "could not be started";
    return "ended with status " + std::to_string(WEXITSTATUS(status));
}

std::expected<std::string, std::string> run(const std::vector<std::string>& command, Seconds limit,
                                            pid_t* pid) {
    auto child = Child::start(command, {});
    if (!child) return std::unexpected(child.error());
    if (pid) *pid = child->pid();
    const auto until = after(limit);
    std::string text;
    while (true) {
        auto line = child->read_line(Seconds(left_ms(until) / 1000.0));
        if (!line) return std::unexpected(command[0] + ' ' + line.error());
        if (!*line) break;
        text += **line + '\n';
    }
    const auto status = child->wait(Seconds(left_ms(until) / 1000.0));
    if (!status) return std::unexpected(command[0] + " does not end");
    if (*status != 0) return std::unexpected(command[0] + ' ' + describe_status(*status));
    return text;
}

std::expected<HttpAnswer, std::string> http_get(int port, const std::string& path,
                                                Seconds patience) {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::unexpected(errno_text("socket"));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto us = static_cast<suseconds_t>(patience.count() * 1e6);
    const timeval limit{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    // 1.0: the answer ends with the connection and is not chunked.
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    std::string text;
    ssize_t got = -1;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size())) {
        char bytes[16384];
        while ((got = ::recv(fd, bytes, sizeof bytes, 0)) > 0) {
            text.append(bytes, static_cast<std::size_t>(got));
        }
    }
    const std::string why = errno_text("GET " + path);
    close_if_open(fd);
    if (got < 0) return std::unexpected(why);
    const std::size_t body = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.") || text.size() < 12 || body == std::string::npos) {
        return std::unexpected("GET " + path + ": no HTTP answer");
    }
    return HttpAnswer{std::atoi(text.c_str() + 9), text.substr(body + 4)};
}

Results::Results(const std::string& path) : is_port_(!path.empty()) {
    fd_ = path.empty() ? ::dup(STDOUT_FILENO) : ::open(path.c_str(), O_RDWR | O_CLOEXEC);
}

Results::~Results() {
    close_if_open(fd_);
}

void Results::send(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const ssize_t now = ::write(fd_, bytes.data() + sent, bytes.size() - sent);
        if (now < 0 && errno != EINTR) return;
        if (now > 0) sent += static_cast<std::size_t>(now);
    }
}

void Results::line(const std::string& text) {
    std::string one = text;
    // A message may quote anything; the framing allows one line.
    for (char& c : one) {
        if (c == '\n') c = ' ';
    }
    send(one + '\n');
}

void Results::file(const std::string& name, const std::string& content) {
    if (!is_port_) return;
    send("file " + name + ' ' + std::to_string(content.size()) + '\n' + content);
}

void Results::await(const std::string& name, Seconds limit) {
    if (!is_port_) return;
    line("await " + name);
    const auto until = after(limit);
    for (char byte = 0; byte != '\n';) {
        pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
        if (::poll(&poll, 1, left_ms(until)) <= 0 || ::read(fd_, &byte, 1) <= 0) return;
    }
}

std::string read_whole(const std::string& path) {
    const std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool write_text(const std::string& path, const std::string& text) {
    const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const ssize_t written = file < 0 ? -1 : write(file, text.data(), text.size());
    const int error = errno;
    if (file >= 0) close(file);
    errno = error;
    return written == static_cast<ssize_t>(text.size());
}

}  // namespace vmtests
