// SPDX-License-Identifier: Apache-2.0
#include "sink/board.hpp"

#include <ctime>

namespace nstrail {

ViewBoard::ViewBoard() {
    sem_init(&asked_, 0, 0);
}

ViewBoard::~ViewBoard() {
    sem_destroy(&asked_);
}

std::shared_ptr<const Publication> ViewBoard::fresh(std::chrono::milliseconds patience) {
    std::unique_lock hold(lock_);
    const std::uint64_t mine = ++requests_;
    sem_post(&asked_);
    waiting_++;
    const bool in_time =
        published_.wait_for(hold, patience, [&] { return closed_ || answered_ >= mine; });
    auto found = in_time && !closed_ ? latest_ : nullptr;
    if (--waiting_ == 0) {
        latest_.reset();
    }
    return found;
}

bool ViewBoard::wait(std::chrono::milliseconds pause) {
    // A wait for no time would sleep all the same, for as long as the kernel's timers are coarse.
    if (pause.count() > 0) {
        timespec until{};
        clock_gettime(CLOCK_MONOTONIC, &until);
        const auto ns = until.tv_nsec + std::chrono::nanoseconds(pause).count();
        until.tv_sec += ns / 1'000'000'000;
        until.tv_nsec = ns % 1'000'000'000;
        sem_clockwait(&asked_, CLOCK_MONOTONIC, &until);
    }
    // One look is for all who asked until now.
    while (sem_trywait(&asked_) == 0) {
    }
    const std::scoped_lock hold(lock_);
    return requests_ > answered_;
}

void ViewBoard::publish(std::shared_ptr<const Publication> made) {
    const std::scoped_lock hold(lock_);
    latest_ = waiting_ == 0 ? nullptr : std::move(made);
    answered_ = requests_;
    published_.notify_all();
}

void ViewBoard::close() {
    const std::scoped_lock hold(lock_);
    closed_ = true;
    published_.notify_all();
}

}  // namespace nstrail
