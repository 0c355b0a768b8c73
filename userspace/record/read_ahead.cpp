// SPDX-License-Identifier: Apache-2.0
#include "record/read_ahead.hpp"

#include <utility>

#include "base/processors.hpp"

namespace nstrail {

namespace {

// A thread costs more than it saves where only a keyframe is looked at, or a chunk is short.
constexpr unsigned alone = 4;
// Packets: so many that neither waits for the other at each, so few that they stay in a cache.
constexpr std::size_t most_ahead = 6;

}  // namespace

std::optional<Packet> ReadAhead::next(const TellDamage& tell) {
    if (!thread_.joinable()) {
        if (read_ < alone || processors() < 2) {
            read_++;
            return reader_.next(tell);
        }
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    bool wake = false;
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !steps_.empty(); });
        now_ = std::move(steps_.front());
        // The end stays, for whoever asks again.
        if (now_.packet) {
            steps_.pop_front();
        }
        // Not at each packet: to wake somebody takes longer than to look whether to.
        wake = steps_.size() == most_ahead / 2;
    }
    if (wake) {
        changed_.notify_one();
    }
    for (Damage& damage : now_.damage) {
        tell(std::move(damage));
    }
    return now_.packet;
}

void ReadAhead::seek(std::uint64_t offset) {
    if (thread_.joinable()) {
        thread_ = {};  // asked to stop, and waited for
        steps_.clear();
        now_ = {};
    }
    read_ = 0;
    reader_.seek(offset);
}

void ReadAhead::run(const std::stop_token& stop) {
    for (bool more = true; more && !stop.stop_requested();) {
        Step step;
        step.packet =
            reader_.next([&](Damage damage) { step.damage.push_back(std::move(damage)); });
        more = step.packet.has_value();
        step.owner = more ? reader_.lend() : nullptr;
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return steps_.size() < most_ahead; })) {
            return;
        }
        steps_.push_back(std::move(step));
        lock.unlock();
        changed_.notify_one();
    }
}

}  // namespace nstrail
