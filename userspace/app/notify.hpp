// SPDX-License-Identifier: Apache-2.0
// Tells the service manager how the daemon is, as sd_notify(3) does.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace nstrail {

/// Says nothing where nobody asked (NOTIFY_SOCKET is not set). The environment is read, and
/// cleared of it, by the constructor. One thread.
class ServiceManager {
public:
    ServiceManager();

    /// Once: it does what it is there for.
    void ready();
    /// It does so again, and what it was told to read again is read.
    void reloaded();
    void reloading();
    void stopping();
    /// One line for `systemctl status`; said when it is another one than before.
    void status(std::string_view line);
    /// To be called from time to time: half of what the service manager waits for (WATCHDOG_USEC)
    /// is enough, so this tells it no more often.
    void alive();

private:
    using Clock = std::chrono::steady_clock;
    void say(std::string_view text) const;

    std::string socket_;
    std::optional<std::chrono::microseconds> watchdog_;
    Clock::time_point told_{};
    bool ready_ = false;
    std::string status_;
};

}  // namespace nstrail
