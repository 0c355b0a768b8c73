// SPDX-License-Identifier: Apache-2.0
// The screen of `nstrail top` at work: keys, what is known, and when to look again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "app/screen.hpp"
#include "sink/top.hpp"

namespace nstrail {

/// Where it has from what it shows. All are called by the thread that runs it.
struct TopFeed {
    /// What is known now; null = there was no answer in time.
    std::function<std::shared_ptr<const Publication>()> state;
    /// There is nothing more to show.
    std::function<bool()> over;
    /// Goes on to another moment; empty = there is only now.
    std::function<void(bool later)> step;
    /// How often it is asked for, at most.
    std::chrono::milliseconds every{1000};
    /// A descriptor that can be read once it is over; -1 = a signal comes then.
    int wake = -1;
};

/// Until it is over, the terminal is gone, or a key asks to quit.
void run_top(Screen& screen, Top& top, const TopFeed& feed);

}  // namespace nstrail
