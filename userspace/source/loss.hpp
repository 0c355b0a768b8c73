// SPDX-License-Identifier: Apache-2.0
// Exact loss from sequence numbers.
//
// A program reserves its record and then takes its CPU's next number, also when the reservation
// failed. A lost record is therefore a number that never arrives. Two programs nested on one CPU
// may take their numbers in the order opposite to their places in the ring, so a missing number is
// not lost yet: its record, if there is one, was reserved before the number after it was taken,
// thus before the record that showed the hole was submitted. Once everything the ring held at that
// moment has been read, what is still missing was lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "wire/wire.h"

namespace nstrail {

class LossTracker {
public:
    struct Loss {
        std::uint32_t cpu;
        std::uint64_t count;
    };

    /// Goes on from the number that `next` has for each CPU, and keeps them there up to date.
    void keep_in(std::span<std::uint32_t> next);

    /// A record arrived. produced() gives the ring's producer position now; it is asked for where
    /// the record shows a hole.
    template <class F>
    void arrived(std::uint32_t cpu, std::uint32_t seq, F&& produced) {
        Cpu& state = cpu_at(cpu);
        // Numbers wrap; the difference tells before from after.
        const auto ahead = static_cast<std::int32_t>(seq - state.next);
        if (ahead < 0) {
            late(state, seq);
            return;
        }
        if (ahead > 0) {
            state.holes.push_back({state.next, static_cast<std::uint32_t>(ahead), produced()});
            holes_++;
        }
        expect(cpu, seq + 1);
    }

    /// Everything before ring position `consumed` has been read: returns what is lost for good, by
    /// CPU.
    [[nodiscard]] std::vector<Loss> settle(std::uint64_t consumed);

    /// The ring has been read up to a position produced after the CPU's counter said `emitted`:
    /// whatever is missing below that never had a record. Catches losses that no later record of
    /// this CPU shows.
    [[nodiscard]] std::uint64_t settle_tail(std::uint32_t cpu, std::uint64_t emitted);

    [[nodiscard]] bool pending() const { return holes_ != 0; }

private:
    struct Hole {
        std::uint32_t first;
        std::uint32_t count;
        std::uint64_t decided_at;  // ring position
    };
    struct Cpu {
        std::uint32_t next = 0;
        std::vector<Hole> holes;
    };
    Cpu& cpu_at(std::uint32_t cpu);
    void late(Cpu& state, std::uint32_t seq);
    void expect(std::uint32_t cpu, std::uint32_t next);
    std::vector<Cpu> cpus_;
    std::span<std::uint32_t> kept_;
    std::size_t holes_ = 0;
};

/// Losses that leave no hole among the numbers: runs that the kernel skipped as recursive, and
/// records lost with none after them.
class LossAudit {
public:
    /// Goes on from what was told of each program before, and keeps it there up to date.
    void keep_in(std::span<std::uint64_t> skipped) { skipped_ = skipped; }

    /// What was counted so far.
    struct Counted {
        std::vector<std::uint64_t> skipped;  ///< runs, by program
        std::vector<nst_cpu_stats> cpus;
    };

    /// Tells side.skipped(program, runs) and side.lost(cpu, records) what side.counted() has more
    /// than was told. That is told behind all that the ring had when it was counted, which
    /// side.drain() hands on: some of it is from after the runs that were skipped, and a gap ahead
    /// of it would leave it standing as what nothing was lost ahead of.
    /// Returns whether it was: if a record ahead is still being written nothing is told, and the
    /// next time will.
    template <class Side>
    bool close(LossTracker& loss, const Side& side) {
        // The counters first, then the position: what they count and the ring has was reserved
        // below it.
        const Counted counted = side.counted();
        const std::uint64_t produced = side.produced();
        side.drain();
        if (side.consumed() < produced) {
            return false;
        }
        if (skipped_.size() < counted.skipped.size()) {
            own_.resize(counted.skipped.size());
            skipped_ = own_;
        }
        for (std::size_t program = 0; program < counted.skipped.size(); program++) {
            if (counted.skipped[program] > skipped_[program]) {
                side.skipped(program, counted.skipped[program] - skipped_[program]);
                skipped_[program] = counted.skipped[program];
            }
        }
        for (std::uint32_t cpu = 0; cpu < counted.cpus.size(); cpu++) {
            if (const auto lost = loss.settle_tail(cpu, counted.cpus[cpu].emitted); lost != 0) {
                side.lost(cpu, lost);
            }
        }
        return true;
    }

private:
    std::vector<std::uint64_t> own_;
    std::span<std::uint64_t> skipped_;  // told, by program
};

}  // namespace nstrail
