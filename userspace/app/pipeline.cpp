// SPDX-License-Identifier: Apache-2.0
#include "app/pipeline.hpp"

#include <algorithm>
#include <bit>
#include <csignal>
#include <thread>

#include <fmt/format.h>

#include "base/cpu_time.hpp"
#include "source/limits.hpp"

namespace nstrail {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

volatile std::sig_atomic_t stopping = 0;
volatile std::sig_atomic_t reload_wanted = 0;

// A resync under a storm may lose again and prove nothing; each such try waits longer for the next,
// so that the work stays bounded.
constexpr milliseconds first_retry{100};
constexpr milliseconds longest_retry{10'000};
// In the reduced mode a round a second, and never more than a fiftieth of the time spent on rounds.
constexpr milliseconds refresh_every{1000};
constexpr int refresh_share = 50;
// What holds namespaces besides tasks changes without an event; a round that lost something is
// repeated sooner.
constexpr milliseconds holders_every{30'000};
constexpr milliseconds holders_retry{5'000};

}  // namespace

bool stop_requested() {
    return stopping != 0;
}

void catch_signals() {
    struct sigaction action{};
    action.sa_handler = [](int) { stopping = 1; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool take_reload_request() {
    const bool wanted = reload_wanted != 0;
    if (wanted) {
        reload_wanted = 0;
    }
    return wanted;
}

void catch_reload() {
    struct sigaction action{};
    action.sa_handler = [](int) { reload_wanted = 1; };
    sigaction(SIGHUP, &action, nullptr);
}

void Pipeline::take(const Event& event, const Observer& observer) {
    // Also after the round: a loss within it may be learned of only later.
    holders_.spoiled = holders_.spoiled || event.kind() == NST_KIND_gap;
    if (recorder_) {
        recorder_->take(event);
    }
    follower_.take(event, observer);
}

Result<void> Pipeline::step(const Observer& observer) {
    const auto polled = source_->poll([&](const Event& event) { take(event, observer); });
    if (!polled) {
        return std::unexpected(polled.error());
    }
    if (recorder_) {
        if (recorder_->refused()) {
            return std::unexpected(*recorder_->refused());
        }
        recorder_->tick(world());
    }
    if (source_->snapshot_running() || source_->holders_running()) {
        return {};
    }
    const auto now = Clock::now();
    if (snapshot_running_) {
        snapshot_running_ = false;
        snapshot_ended_ = now;
        snapshot_took_ = thread_cpu_time() - snapshot_began_;
    }
    if (holders_.running) {
        holders_.running = false;
        holders_.ended = now;
        holders_.took = thread_cpu_time() - holders_.began;
    }
    if (world().certain()) {
        fruitless_ = 0;
    }
    if (wants_snapshot(now)) {
        fruitless_ += world().wants_snapshot() ? 1 : 0;
        snapshot_asked_ = now;
        snapshot_began_ = thread_cpu_time();
        snapshot_running_ = true;
        return source_->request_snapshot();
    }
    if (wants_holders(now)) {
        holders_.asked = now;
        holders_.began = thread_cpu_time();
        holders_.running = true;
        holders_.spoiled = false;
        source_->request_holders();
    }
    return {};
}

bool Pipeline::wants_snapshot(Clock::time_point now) const {
    if (snapshot_asked_ == Clock::time_point{}) {
        return true;
    }
    const auto since = now - snapshot_ended_;
    if (world().wants_snapshot()) {
        return since >= std::min(first_retry * (1 << std::min(fruitless_, 7)), longest_retry);
    }
    return source_->plan().mode() == NST_attach_mode_reduced &&
           since >= std::max<nanoseconds>(refresh_every, snapshot_took_ * refresh_share);
}

bool Pipeline::wants_holders(Clock::time_point now) const {
    if (!world().synchronized() || world().wants_snapshot()) {
        return false;
    }
    if (holders_.asked == Clock::time_point{}) {
        return true;
    }
    if (!holders_.kept) {
        return false;
    }
    const auto every = holders_.spoiled ? holders_retry : holders_every;
    return now - holders_.ended >= std::max<nanoseconds>(every, holders_.took * refresh_share);
}

Result<void> Pipeline::synchronize(milliseconds patience, const Observer& observer) {
    const auto deadline = Clock::now() + patience;
    const auto complete = [&] {
        return world().synchronized() && holders_.ended != Clock::time_point{} &&
               !source_->executables_pending();
    };
    while (!complete()) {
        if (auto stepped = step(observer); !stepped) {
            return stepped;
        }
        if (stop_requested()) {
            return fail("take a first snapshot", "interrupted");
        }
        if (Clock::now() > deadline) {
            if (world().synchronized()) {
                break;  // all but holders or executables is known
            }
            return fail("take a first snapshot",
                        fmt::format("it was not complete within {} s ({} events lost)",
                                    patience.count() / 1000, source_->counts().lost),
                        "a larger --ring-size may help");
        }
        if (!source_->snapshot_running() && !source_->holders_running()) {
            std::this_thread::sleep_for(milliseconds(1));
        }
    }
    return {};
}

Result<void> Pipeline::settle(const Observer& observer) {
    // What was submitted before is read in one go unless a record ahead of it is still being
    // written, which takes microseconds; a few looks are plenty.
    for (int i = 0; i < 3; i++) {
        if (auto stepped = step(observer); !stepped) {
            return stepped;
        }
        std::this_thread::sleep_for(milliseconds(5));
    }
    return {};
}

Result<void> Pipeline::finish(const Observer& observer) {
    auto settled = settle(observer);
    // The first may come too late for what is found while it is made (see Checker).
    for (int i = 0; i < 2; i++) {
        source_->audit([&](const Event& event) { take(event, observer); });
    }
    follower_.finish();
    return settled;
}

WriterFigures Pipeline::close_recording() {
    return recorder_ ? recorder_->close() : WriterFigures{};
}

SourceFigures Pipeline::figures() const {
    const LiveCounts counts = source_->counts();
    SourceFigures figures{
        .emitted = counts.emitted,
        .delivered = counts.delivered,
        .ring_bytes = counts.ring_bytes,
        .ring_high_water = counts.ring_high_water,
        .silent_hooks = static_cast<std::uint64_t>(std::popcount(source_->plan().silent())),
        .hooks_by_way = {},
        .recording_wanted = recorder_.has_value(),
        .recording = writer() != nullptr ? writer()->figures() : WriterFigures{},
        .namespace_limits = namespace_limits()};
    for (const ProgramRuns& one : source_->program_runs()) {
        figures.programs.push_back({.name = one.name, .runs = one.runs, .ns = one.ns});
    }
    for (const HookState& hook : source_->plan().hooks) {
        figures.hooks_by_way[static_cast<std::size_t>(hook.way)]++;
    }
    return figures;
}

std::shared_ptr<Publication> Pipeline::publication() const {
    auto made = follower_.publication(figures());
    if (!world().synchronized()) {
        made->unready = "the first snapshot is not complete";
    } else if (!world().certain()) {
        made->unready = "events were lost and the next snapshot is not complete";
    } else if (const std::string& fault = made->source.recording.fault; !fault.empty()) {
        made->unready = "not recording: " + fault;
    }
    return made;
}

}  // namespace nstrail
