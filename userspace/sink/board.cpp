// SPDX-License-Identifier: Apache-2.0
#include "sink/board.hpp"

namespace nstrail {

std::shared_ptr<const Publication> ViewBoard::fresh(std::chrono::milliseconds patience) {
    std::unique_lock hold(lock_);
    const std::uint64_t mine = ++requests_;
    asked_.notify_one();
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
    std::unique_lock hold(lock_);
    const auto asked = [&] { return requests_ > answered_; };
    // A wait for no time would sleep all the same, for as long as the kernel's timers are coarse.
    return pause.count() == 0 ? asked() : asked_.wait_for(hold, pause, asked);
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
