// SPDX-License-Identifier: Apache-2.0
//
// Processes, a one-request HTTP client, and the channel to the host.
#ifndef NSTRAIL_VMTESTS_IO_HPP
#define NSTRAIL_VMTESTS_IO_HPP

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace vmtests {

using Seconds = std::chrono::duration<double>;

// A child in a process group of its own, which is killed whole when the object goes.
class Child {
public:
    struct Streams {
        std::string out;       // file for stdout; empty: a pipe, see read_line
        std::string err;       // file for stderr; empty: the console
        bool in_pipe = false;  // stdin is a pipe, see write
    };

    static std::expected<Child, std::string> start(const std::vector<std::string>& command,
                                                   const Streams& streams);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    ~Child();

    pid_t pid() const { return pid_; }
    bool write(const std::string& text);
    void close_input();
    // The next line of the pipe without its newline; nullopt at its end. An error after `limit`.
    std::expected<std::optional<std::string>, std::string> read_line(Seconds limit);
    void signal(int number) const;
    // The wait status; nullopt when it still runs after `limit`.
    std::optional<int> wait(Seconds limit);

private:
    Child() = default;

    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    std::string buffer_;
    std::optional<int> status_;
};

// "ended with status 3", "was killed by signal 9".
std::string describe_status(int status);

// Runs a command to its end; its stdout, or why there is none. pid, when wanted, gets its id.
std::expected<std::string, std::string> run(const std::vector<std::string>& command, Seconds limit,
                                            pid_t* pid = nullptr);

struct HttpAnswer {
    int status = 0;
    std::string body;
};
// From 127.0.0.1. `patience` is for each part of the answer.
std::expected<HttpAnswer, std::string> http_get(int port, const std::string& path,
                                                Seconds patience = Seconds(20));

// What the host reads; see vmtests/host/machine.py for the lines.
class Results {
public:
    // An empty path: print to stdout, and never wait.
    explicit Results(const std::string& path);
    ~Results();

    bool usable() const { return fd_ >= 0; }
    void line(const std::string& text);
    void file(const std::string& name, const std::string& content);
    // Returns when the host answered, or after `limit`.
    void await(const std::string& name, Seconds limit);

private:
    void send(const std::string& bytes);

    int fd_ = -1;
    bool is_port_ = false;
};

std::string read_whole(const std::string& path);
// To a file that is there, such as the kernel's settings are; false with errno. By one system call:
// a stream writes what was refused once more as it closes, and then it may be done after all.
bool write_text(const std::string& path, const std::string& text);

}  // namespace vmtests

#endif
