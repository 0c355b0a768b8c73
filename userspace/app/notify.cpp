// SPDX-License-Identifier: Apache-2.0
#include "app/notify.hpp"

#include <charconv>
#include <cstdlib>
#include <ctime>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"

namespace nstrail {

namespace {

std::optional<std::uint64_t> number_in(const char* variable) {
    const char* text = std::getenv(variable);
    std::uint64_t value = 0;
    if (text == nullptr) {
        return std::nullopt;
    }
    const std::string_view all = text;
    const auto [end, code] = std::from_chars(all.data(), all.data() + all.size(), value);
    return code == std::errc{} && end == all.data() + all.size() ? std::optional(value)
                                                                 : std::nullopt;
}

}  // namespace

ServiceManager::ServiceManager() {
    if (const char* socket = std::getenv("NOTIFY_SOCKET"); socket != nullptr) {
        socket_ = socket;
    }
    // The watchdog of whoever started us is not ours (sd_watchdog_enabled(3)).
    const auto watched = number_in("WATCHDOG_PID");
    const auto patience = number_in("WATCHDOG_USEC");
    if (patience && *patience != 0 && (!watched || *watched == static_cast<unsigned>(getpid()))) {
        watchdog_ = std::chrono::microseconds(*patience);
    }
    for (const char* variable : {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}) {
        unsetenv(variable);
    }
}

/// A datagram; that nobody hears it is no fault of ours.
void ServiceManager::say(std::string_view text) const {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (socket_.empty() || socket_.size() >= sizeof(address.sun_path)) {
        return;
    }
    socket_.copy(address.sun_path, socket_.size());
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';  // an abstract one
    }
    const Fd to(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!to) {
        return;
    }
    (void)sendto(to.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size()));
}

void ServiceManager::ready() {
    if (!ready_) {
        ready_ = true;
        say("READY=1");
    }
}

void ServiceManager::reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceManager::reloaded() {
    say("READY=1");
}

void ServiceManager::stopping() {
    say("STOPPING=1");
}

void ServiceManager::status(std::string_view line) {
    if (line != status_) {
        status_ = line;
        say("STATUS=" + status_);
    }
}

void ServiceManager::alive() {
    const auto now = Clock::now();
    if (watchdog_ && now - told_ >= *watchdog_ / 2 - *watchdog_ / 8) {
        told_ = now;
        say("WATCHDOG=1");
    }
}

}  // namespace nstrail
