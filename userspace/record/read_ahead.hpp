// SPDX-License-Identifier: Apache-2.0
// The packets of one chunk, read, checked and unpacked by a thread of its own while those before
// are worked on.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "event/event.hpp"
#include "record/chunk.hpp"

namespace nstrail {

/// A ChunkReader that is some packets ahead, where there is a processor for that and more than a
/// few packets follow each other. Of one thread.
class ReadAhead {
public:
    explicit ReadAhead(ChunkReader reader) : reader_(std::move(reader)) {}
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;
    ~ReadAhead() = default;

    /// The same, in the same order, as ChunkReader::next() tells and returns it.
    [[nodiscard]] std::optional<Packet> next(const TellDamage& tell);
    /// What keeps the bytes of the packet that next() returned; null = they go with the next one.
    [[nodiscard]] const Owner* owner() const { return now_.owner ? &now_.owner : nullptr; }
    void seek(std::uint64_t offset);

private:
    struct Step {
        std::vector<Damage> damage;  // ahead of the packet
        std::optional<Packet> packet;
        Owner owner;  // of its bytes
    };
    void run(const std::stop_token& stop);

    ChunkReader reader_;  // of the thread, while there is one
    unsigned read_ = 0;   // since the last seek, without a thread
    Step now_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Step> steps_;
    std::jthread thread_;  // last: ends before what it works with
};

}  // namespace nstrail
