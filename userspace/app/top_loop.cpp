// SPDX-License-Identifier: Apache-2.0
#include "app/top_loop.hpp"

#include <algorithm>

namespace nstrail {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Of a large host even to look takes time: no more than a tenth of it all.
constexpr int look_share = 10;
// How soon it is asked again for what is missing.
constexpr milliseconds again{100};

/// Returns whether to go on.
bool press_all(Screen& screen, Top& top, const TopFeed& feed) {
    while (const auto key = screen.key()) {
        if (const auto* known = std::get_if<TopKey>(&*key)) {
            top.press(*known);
        } else if (std::get<ScreenKey>(*key) == ScreenKey::quit) {
            return false;
        } else if (feed.step) {
            feed.step(std::get<ScreenKey>(*key) == ScreenKey::later);
        }
    }
    return true;
}

}  // namespace

void run_top(Screen& screen, Top& top, const TopFeed& feed) {
    auto due = Clock::now();
    while (!feed.over()) {
        top.resize(screen.columns(), screen.rows());
        if (top.wanting() || Clock::now() >= due) {
            const auto began = Clock::now();
            if (const auto now = feed.state()) {
                top.take(*now);
            } else if (!feed.over()) {
                top.say("the trace is busy and does not answer: this is how it was");
            }
            const auto ended = Clock::now();
            due = ended + std::max<Clock::duration>(feed.every, (ended - began) * look_share);
        }
        screen.paint(top.lines());
        const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
        const auto most = top.wanting() ? again : feed.every;
        if (!screen.wait(std::clamp(left, milliseconds(0), std::max(most, again)), feed.wake) ||
            !press_all(screen, top, feed)) {
            return;
        }
    }
}

}  // namespace nstrail
