// SPDX-License-Identifier: Apache-2.0
// Ships the sealed packets of recordings to a stream of NATS JetStream, from the disk, on a thread
// of its own: nothing of the trace waits for it, and it holds one message at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "record/frame.hpp"
#include "record/shipment.hpp"
#include "record/stream_link.hpp"
#include "record/unshipped.hpp"
#include "sink/ship_figures.hpp"

namespace nstrail {

struct ShipOptions {
    StreamUrl url;
    std::string path;     ///< the directory of the recorder, all boots of which are shipped
    std::string cluster;  ///< whose recordings they are, for the subject
    std::string host;
    std::uint64_t bytes_per_second = 0;  ///< at most, on average
    /// Where there was no full message to send, how long until what came meanwhile makes the next.
    std::chrono::nanoseconds every{0};
};

class Shipper {
public:
    explicit Shipper(ShipOptions options);
    Shipper(const Shipper&) = delete;
    Shipper& operator=(const Shipper&) = delete;
    /// Ends between two tries.
    ~Shipper();

    /// Any thread.
    [[nodiscard]] ShipFigures figures() const;
    /// What is on disk now is to be shipped, then no more. True = it was, within that time.
    [[nodiscard]] bool finish(std::chrono::milliseconds patience);

private:
    using Clock = std::chrono::steady_clock;
    struct Boot {
        ShipName name;
        std::unique_ptr<UnshippedPackets> packets;
        bool done = false;  // nothing will be added to it
        Clock::time_point rests_until{};
    };
    struct Pending {
        StreamMessage message;
        PacketHeader last{};
        std::uint64_t packets = 0;
        std::string metadata;  // of its chunk
    };
    void work();
    void pause(Clock::duration time);
    [[nodiscard]] Result<bool> step();
    [[nodiscard]] Result<void> find_work();
    [[nodiscard]] Result<void> gather(Boot& boot);
    [[nodiscard]] Result<void> send();
    void keep_marks();
    void note(const Result<bool>& done);

    const ShipOptions options_;
    const std::optional<Uuid> this_boot_;

    // The thread's.
    std::map<std::string, Boot> boots_;  // by path
    Boot* at_ = nullptr;                 // whose message is pending
    std::optional<Pending> pending_;
    std::unique_ptr<StreamLink> link_;
    std::optional<std::pair<Uuid, std::uint32_t>> headed_;  // chunk whose head this link has sent
    FramePacker packer_;
    Clock::time_point may_send_{};
    bool hurries_ = false;  // the last of it: no boot rests
    Clock::time_point marks_kept_{};
    std::uint64_t lost_before_ = 0;  // of boots that are done
    int failed_ = 0;                 // in a row
    std::minstd_rand random_;

    // Between the two.
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable idle_;
    ShipFigures figures_;
    Clock::time_point fault_since_{};
    bool finishing_ = false;
    bool finished_ = false;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace nstrail
