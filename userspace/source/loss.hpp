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

#include <cstdint>
#include <vector>

namespace nstrail {

class LossTracker {
public:
    struct Loss {
        std::uint32_t cpu;
        std::uint64_t count;
    };

    /// A record arrived. `produced` is the ring's producer position now.
    void arrived(std::uint32_t cpu, std::uint32_t seq, std::uint64_t produced);

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
    std::vector<Cpu> cpus_;
    std::size_t holes_ = 0;
};

}  // namespace nstrail
