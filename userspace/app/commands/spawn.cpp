// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/ns_file.hpp"
#include "app/options.hpp"
#include "app/pid_levels.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"
#include "model/pid_request.hpp"

namespace nstrail {

namespace {

constexpr int exit_not_run = 127;

struct SpawnCommand {
    std::string set_tid;
    std::uint32_t in = 0;
    std::vector<std::string> command;
};

// What a handler of signals may touch.
volatile std::sig_atomic_t child_pid = 0;

/// While the child runs it is what signals are meant for: those that a terminal sends reach it
/// anyway, those sent to this process alone are passed on.
class Signals {
public:
    /// Holds them back, so that none is lost between the clone and follow().
    Signals() {
        sigset_t all;
        sigemptyset(&all);
        for (const int signal : from_terminal) {
            sigaddset(&all, signal);
        }
        for (const int signal : passed_on) {
            sigaddset(&all, signal);
        }
        sigprocmask(SIG_BLOCK, &all, &before_);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    ~Signals() { release(); }

    void release() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }

    void follow(pid_t child) const {
        child_pid = child;
        for (const int signal : from_terminal) {
            std::signal(signal, SIG_IGN);
        }
        struct sigaction action{};
        action.sa_handler = [](int signal) {
            const int kept = errno;
            if (child_pid > 0) {
                kill(child_pid, signal);
            }
            errno = kept;
        };
        for (const int signal : passed_on) {
            sigaction(signal, &action, nullptr);
        }
        release();
    }

private:
    static constexpr std::array<int, 2> from_terminal = {SIGINT, SIGQUIT};
    static constexpr std::array<int, 4> passed_on = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t before_{};
};

/// fork() with chosen pids; the child gets 0, an error is -1 and errno.
pid_t clone_with(const std::vector<std::int32_t>& set_tid) {
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = reinterpret_cast<std::uintptr_t>(set_tid.data());
    arguments.set_tid_size = set_tid.size();
    return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

/// In the child: no more than exec, since nothing of the C library knows that there was a fork.
[[noreturn]] void become(char* const* arguments, int report, const Signals& signals) {
    signals.release();
    execvp(arguments[0], arguments);
    const int code = errno;
    [[maybe_unused]] const auto written = write(report, &code, sizeof(code));
    _exit(exit_not_run);
}

Result<void> enter(std::uint32_t pid) {
    const auto file = open_namespace(fmt::format("/proc/{}/ns/pid", pid), CLONE_NEWPID);
    if (!file) {
        return std::unexpected(file.error());
    }
    if (setns(file->fd.get(), CLONE_NEWPID) != 0) {
        return fail(fmt::format("enter the pid namespace of {}", pid), errno,
                    errno == EPERM ? "needs CAP_SYS_ADMIN over its owner and over this process's "
                                     "own user namespace"
                    : errno == EINVAL ? "only a namespace below one's own can be entered"
                                      : "");
    }
    return {};
}

int status_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return complain(fail("wait for the command", errno).error());
        }
    }
    child_pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int spawn(SpawnCommand given) {
    const auto set_tid = parse_pid_vector(given.set_tid);
    if (!set_tid) {
        return complain(set_tid.error(), exit_usage);
    }
    if (given.in != 0) {
        if (auto entered = enter(given.in); !entered) {
            return complain(entered.error());
        }
    }
    std::vector<char*> arguments;
    arguments.reserve(given.command.size() + 1);
    for (std::string& word : given.command) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return complain(fail("make a pipe", errno).error());
    }
    const Fd report(ends[0]);
    Fd reporter(ends[1]);

    const Signals signals;
    const pid_t child = clone_with(*set_tid);
    const int code = errno;
    if (child == 0) {
        become(arguments.data(), reporter.get(), signals);
    }
    if (child < 0) {
        signals.release();
        const OwnLevels own = read_own_levels();
        return complain(fail(fmt::format("clone3 with set_tid {}", given.set_tid),
                             explain_refusal(code, own.levels, own.complete, *set_tid),
                             code == EINVAL && given.in == 0 && set_tid->size() > own.levels.size()
                                 ? "--in PID starts from an inner namespace"
                                 : "")
                            .error(),
                        code == ENOSYS || code == E2BIG ? exit_unsupported : exit_failure);
    }
    signals.follow(child);
    reporter.reset();
    int failed = 0;
    ssize_t got = 0;
    while ((got = read(report.get(), &failed, sizeof(failed))) < 0 && errno == EINTR) {
    }
    const int status = status_of(child);
    if (got == sizeof(failed)) {
        return complain(
            fail("run " + given.command.front(), failed, "check the command after --").error(),
            exit_not_run);
    }
    return status;
}

}  // namespace

void add_spawn(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand(
        "spawn", "Starts a command under chosen pids, and says why if it cannot have them.");
    auto options = std::make_shared<SpawnCommand>();
    command
        ->add_option("--set-tid", options->set_tid,
                     "its pids, innermost pid namespace first, e.g. 9:31; the namespaces further "
                     "out give it any")
        ->required();
    command
        ->add_option("--in", options->in,
                     "start it in the pid namespace of this process (and in no other namespace of "
                     "it)")
        ->check(CLI::Range(1U, 1U << 22));
    command->add_option("command", options->command, "the command, after --")->required();
    command->callback([=, &run] { run = [=] { return spawn(*options); }; });
}

}  // namespace nstrail
