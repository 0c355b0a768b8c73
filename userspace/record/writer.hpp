// SPDX-License-Identifier: Apache-2.0
// Writes a stream of events to a recording.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "event/event.hpp"
#include "record/packet.hpp"
#include "record/spool.hpp"
#include "record/store.hpp"

namespace nstrail {

struct WriterOptions {
    StoreOptions store;
    std::uint64_t chunk_bytes = 0;      ///< 0 = chosen by max_bytes
    std::uint64_t keyframe_share = 10;  ///< a chunk is at least so many times its keyframe
    std::chrono::nanoseconds seal{1'000'000'000};  ///< a part-filled packet is written after that
};

/// Counts; but for `fault` they only grow.
struct WriterFigures {
    std::uint64_t events = 0;       ///< recorded
    std::uint64_t lost = 0;         ///< not recorded: the disk was too slow, or took nothing
    std::uint64_t limit_bytes = 0;  ///< beyond it the oldest is dropped
    std::uint64_t bytes = 0;        ///< of all that is in DIR now
    std::uint64_t chunks_dropped = 0;
    std::string fault;  ///< why nothing is recorded now; empty = all is well
};

/// Tells the events of a keyframe, one after another, on another thread.
using TellEvent = std::function<void(const EventBuffer&)>;
using Keyframe = std::function<void(const TellEvent&)>;

/// Takes events on one thread and never waits for the disk: packets are filled in shared memory
/// (see Spool), from where another thread writes them. So every event that write() took is in the
/// recording whatever kills the process; what did not fit while the disk stood still is counted,
/// and told by a gap in the recording.
class Writer {
public:
    /// `session` is the first event of the stream, and is written by write() as all others.
    [[nodiscard]] static Result<std::unique_ptr<Writer>> open(WriterOptions options,
                                                              const nst_session& session);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    /// Writes what is left; nothing stays in shared memory that is on disk.
    ~Writer();

    void write(const Event& event);
    /// Seals what has waited long enough; to be called from time to time.
    void tick();
    /// A chunk is full, another was asked for, or what came before was lost: keyframe() is wanted,
    /// once the model has no round under way.
    [[nodiscard]] bool wants_keyframe() const;
    /// Asks for a new chunk, unless the one that is open is new itself.
    void rotate() { rotate_ = chunk_bytes_ != 0; }
    /// Begins a new chunk with what `tell` tells. What it holds lives until that is written.
    void keyframe(Keyframe tell);
    /// Waits until all that was written so far is in files.
    void flush();

    [[nodiscard]] WriterFigures figures() const;
    /// What was found of an earlier writer.
    [[nodiscard]] const Recovered& recovered() const { return store_->recovered(); }

private:
    using Clock = std::chrono::steady_clock;
    struct Job {
        std::size_t slot = Spool::slots;  // a sealed packet, or:
        Keyframe keyframe;
        PacketHeader header;  // of the keyframe's packets
    };
    Writer(WriterOptions options, std::unique_ptr<Store> store, std::unique_ptr<Spool> spool);

    [[nodiscard]] bool begin_packet();
    void append(const Event& event);
    void seal();
    void push(Job job);
    [[nodiscard]] PacketHeader header() const;

    void work();
    void write_slot(std::size_t slot);
    void write_keyframe(const Job& job);
    void note_fault(const Error& error);

    WriterOptions options_;
    std::unique_ptr<Store> store_;  // after open() the worker's
    std::unique_ptr<Spool> spool_;

    // The taking thread's.
    PacketBuilder packet_;
    std::size_t slot_ = 0;
    Clock::time_point begun_{};
    std::uint64_t timestamp_ = 0;
    std::uint64_t place_ = 0;
    std::uint64_t discarded_;
    std::uint64_t unrecorded_ = 0;  // lost here and not yet told by a gap
    std::uint64_t chunk_bytes_ = 0;
    Clock::time_point chunk_begun_ = Clock::now();
    std::uint32_t chunk_;
    std::uint32_t session_;
    bool broken_ = false;  // something is missing since the last keyframe
    bool rotate_ = false;
    std::uint64_t events_ = 0;
    std::uint64_t lost_ = 0;

    // Between the two.
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable idle_;
    std::deque<Job> jobs_;
    std::deque<std::size_t> free_;  // longest free first: the worker's CPU has let go of it
    std::string fault_;
    Clock::time_point fault_at_{};
    bool working_ = false;
    bool ending_ = false;
    std::atomic<std::uint64_t> dropped_{0};  // events of packets that could not be written
    std::uint64_t dropped_seen_ = 0;         // of these, how many the taking thread knows of
    std::atomic<std::uint64_t> keyframe_bytes_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> chunks_dropped_{0};

    std::vector<std::uint64_t> room_;  // the worker's, for keyframes
    std::thread worker_;
};

}  // namespace nstrail
