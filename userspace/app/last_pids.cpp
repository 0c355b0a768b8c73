// SPDX-License-Identifier: Apache-2.0
#include "app/last_pids.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace nstrail {

namespace {

constexpr const char* sysctl_path = "/proc/sys/kernel/ns_last_pid";

struct Order {
    bool write = false;
    std::uint32_t value = 0;
};

struct Reply {
    int error = 0;  // errno
    std::uint32_t value = 0;
};

Reply carry_out(int sysctl, const Order& order) {
    char text[16];
    if (order.write) {
        const auto* const end = std::to_chars(std::begin(text), std::end(text), order.value).ptr;
        const auto size = static_cast<std::size_t>(end - text);
        return {.error = pwrite(sysctl, text, size, 0) < 0 ? errno : 0, .value = order.value};
    }
    const ssize_t size = pread(sysctl, text, sizeof(text), 0);
    Reply reply{.error = size < 0 ? errno : 0, .value = 0};
    if (size > 0 && std::from_chars(text, text + size, reply.value).ec != std::errc{}) {
        reply.error = EIO;
    }
    return reply;
}

/// A process in a pid namespace that does as told and ends when its owner does.
class Helper {
public:
    [[nodiscard]] static Result<Helper> start(const NsFile& ns, int sysctl) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
            return fail("make a pair of sockets", errno);
        }
        Helper helper;
        helper.channel_ = Fd(ends[0]);
        const Fd other(ends[1]);
        helper.inum_ = ns.inum;
        if (setns(ns.fd.get(), CLONE_NEWPID) != 0) {
            return fail(fmt::format("enter the pid namespace {}", ns.inum), errno,
                        errno == EPERM ? "needs CAP_SYS_ADMIN over its owner and over this "
                                         "process's own user namespace"
                                       : "");
        }
        helper.pid_ = fork();
        if (helper.pid_ < 0) {
            return fail(fmt::format("start a process in the pid namespace {}", ns.inum),
                        errno == ENOMEM ? "the namespace is dead, or memory is short"
                                        : fail("", errno).error().why);
        }
        if (helper.pid_ == 0) {
            helper.channel_.reset();
            serve(other.get(), sysctl);
        }
        return helper;
    }

    Helper(Helper&& other) noexcept
        : channel_(std::move(other.channel_)),
          pid_(std::exchange(other.pid_, -1)),
          inum_(other.inum_) {}
    Helper& operator=(Helper&&) = delete;
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;
    ~Helper() {
        channel_.reset();
        if (pid_ > 0) {
            // Whatever holds it up: it has nothing to finish.
            kill(pid_, SIGKILL);
            while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }

    [[nodiscard]] Result<std::uint32_t> tell(const Order& order) const {
        const std::string what = fmt::format("{} the last pid of the pid namespace {}",
                                             order.write ? "set" : "read", inum_);
        Reply reply;
        if (send(channel_.get(), &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order) ||
            recv(channel_.get(), &reply, sizeof(reply), 0) != sizeof(reply)) {
            return fail(what, "the process that was to do it is gone",
                        "the namespace may have ended");
        }
        if (reply.error != 0) {
            return fail(what, reply.error,
                        reply.error == EPERM
                            ? "needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN over its owner"
                        : reply.error == EINVAL ? "it must be from 0 to pid_max"
                                                : "");
        }
        return reply.value;
    }

private:
    Helper() = default;

    [[noreturn]] static void serve(int channel, int sysctl) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        Order order;
        while (recv(channel, &order, sizeof(order), 0) == sizeof(order)) {
            const Reply reply = carry_out(sysctl, order);
            if (send(channel, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply)) {
                break;
            }
        }
        _exit(0);
    }

    Fd channel_;
    pid_t pid_ = -1;
    std::uint32_t inum_ = 0;
};

}  // namespace

Result<std::vector<std::uint32_t>> set_last_pids(std::span<const NsFile> chain,
                                                 std::span<const std::uint32_t> values) {
    const Fd sysctl(open(sysctl_path, O_RDWR | O_CLOEXEC));
    if (!sysctl) {
        return fail(fmt::format("open {}", sysctl_path), errno,
                    errno == ENOENT  ? "needs a kernel with CONFIG_CHECKPOINT_RESTORE"
                    : errno == EROFS ? "/proc/sys is mounted read-only here"
                                     : "");
    }
    // A helper is visible inside, with our memory and files: nobody there may attach to it.
    prctl(PR_SET_DUMPABLE, 0);
    std::vector<Helper> helpers;
    helpers.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); i++) {
        auto helper = Helper::start(chain[i], sysctl.get());
        if (!helper) {
            return std::unexpected(helper.error());
        }
        helpers.push_back(std::move(*helper));
    }
    for (std::size_t i = 0; i < values.size(); i++) {
        if (auto done = helpers[i].tell({.write = true, .value = values[i]}); !done) {
            return std::unexpected(done.error());
        }
    }
    std::vector<std::uint32_t> now;
    for (const Helper& helper : helpers) {
        const auto value = helper.tell({});
        if (!value) {
            return std::unexpected(value.error());
        }
        now.push_back(*value);
    }
    return now;
}

}  // namespace nstrail
