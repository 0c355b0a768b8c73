// SPDX-License-Identifier: Apache-2.0
// source/loss: a number that never arrives is a lost record, no sooner and no more often than that.
#include "source/loss.hpp"

#include <map>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

std::uint64_t lost_in(const std::vector<LossTracker::Loss>& losses) {
    return std::accumulate(losses.begin(), losses.end(), std::uint64_t{0},
                           [](std::uint64_t total, const auto& one) { return total + one.count; });
}

/// A record arrives while the ring is written up to `produced`.
void arrived(LossTracker& loss, std::uint32_t cpu, std::uint32_t seq, std::uint64_t produced) {
    loss.arrived(cpu, seq, [&] { return produced; });
}

TEST(Loss, NothingIsLostInOrder) {
    LossTracker loss;
    for (std::uint32_t seq = 0; seq < 1000; seq++) {
        arrived(loss, 0, seq, seq * 64 + 64);
        EXPECT_FALSE(loss.pending());
        EXPECT_TRUE(loss.settle(seq * 64 + 64).empty());
    }
    EXPECT_EQ(loss.settle_tail(0, 1000), 0U);
}

TEST(Loss, AHoleIsLostOnlyOnceTheRingWasReadAsFarAsItWentThen) {
    LossTracker loss;
    arrived(loss, 0, 0, 100);
    arrived(loss, 0, 4, 500);  // 1, 2, 3 are missing; the ring held 500 bytes when that was seen
    EXPECT_TRUE(loss.pending());
    EXPECT_TRUE(loss.settle(499).empty());
    const auto lost = loss.settle(500);
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_EQ(lost[0].cpu, 0U);
    EXPECT_EQ(lost[0].count, 3U);
    EXPECT_FALSE(loss.pending());
    EXPECT_TRUE(loss.settle(1000).empty()) << "told twice";
}

TEST(Loss, ALateRecordFillsItsHole) {
    // The beginning, the end, the middle and the whole of a hole.
    const std::vector<std::vector<std::uint32_t>> late = {
        {1}, {5}, {3}, {1, 2, 3, 4, 5}, {5, 3, 1}};
    for (const auto& numbers : late) {
        LossTracker loss;
        arrived(loss, 0, 0, 100);
        arrived(loss, 0, 6, 500);
        for (const std::uint32_t seq : numbers) {
            arrived(loss, 0, seq, 500);
        }
        EXPECT_EQ(lost_in(loss.settle(500)), 5 - numbers.size());
        EXPECT_FALSE(loss.pending());
    }
}

TEST(Loss, HolesSettleEachAtItsOwnPosition) {
    LossTracker loss;
    arrived(loss, 0, 1, 100);  // 0 is missing
    arrived(loss, 0, 3, 200);  // 2 is missing
    EXPECT_EQ(lost_in(loss.settle(150)), 1U);
    EXPECT_TRUE(loss.pending());
    EXPECT_EQ(lost_in(loss.settle(200)), 1U);
}

TEST(Loss, NumbersWrap) {
    LossTracker loss;
    // As if 2^32 - 2 had arrived before: only the difference counts.
    EXPECT_EQ(loss.settle_tail(0, 0x7FFFFFFF), 0x7FFFFFFFU);
    EXPECT_EQ(loss.settle_tail(0, 0xFFFFFFFE), 0x7FFFFFFFU);
    arrived(loss, 0, 0xFFFFFFFE, 10);
    arrived(loss, 0, 2, 20);  // 2^32 - 1, 0 and 1 are missing
    arrived(loss, 0, 0, 20);
    EXPECT_EQ(lost_in(loss.settle(20)), 2U);
    EXPECT_EQ(loss.settle_tail(0, 0x1'0000'0005), 2U);  // 3 and 4; the counter has 64 bits
    EXPECT_EQ(loss.settle_tail(0, 0x1'0000'0005), 0U);
}

TEST(Loss, TheTailIsLostThoughNothingCameAfterIt) {
    LossTracker loss;
    arrived(loss, 0, 0, 10);
    EXPECT_EQ(loss.settle_tail(0, 4), 3U);
    EXPECT_EQ(loss.settle_tail(0, 4), 0U);
    arrived(loss, 0, 4, 20);
    EXPECT_FALSE(loss.pending()) << "what was settled is no hole";
    EXPECT_EQ(loss.settle_tail(7, 2), 2U) << "a CPU of which nothing arrived";
}

TEST(Loss, CpusAreCountedApart) {
    LossTracker loss;
    arrived(loss, 3, 2, 100);
    arrived(loss, 1, 1, 100);
    arrived(loss, 3, 3, 100);
    const auto lost = loss.settle(100);
    ASSERT_EQ(lost.size(), 2U);
    EXPECT_EQ(lost[0].cpu, 1U);
    EXPECT_EQ(lost[0].count, 1U);
    EXPECT_EQ(lost[1].cpu, 3U);
    EXPECT_EQ(lost[1].count, 2U);
}

/// The programs' side as emit.bpf.h has it: reserve, take a number whether or not that failed,
/// submit. Programs nest on one CPU, and the CPUs run in any order; the ring is read up to the
/// first busy record.
class Machine {
public:
    Machine(unsigned seed, std::uint32_t cpus, bool nested)
        : random_(seed), stacks_(cpus), taken_(cpus), nested_(nested) {}

    void step() {
        auto& stack = stacks_[pick(static_cast<std::uint32_t>(stacks_.size()))];
        const auto cpu = static_cast<std::uint32_t>(&stack - stacks_.data());
        if (nested_ && !stack.empty() && pick(20) == 0) {
            skips_++;  // the kernel found the program at work on this CPU
            return;
        }
        if (stack.empty() || (nested_ && stack.size() < 4 && pick(3) == 0)) {
            stack.push_back({.record = reserve(cpu), .taken = false});
            return;
        }
        Program& program = stack.back();
        if (!program.taken) {
            program.taken = true;
            const std::uint32_t seq = taken_[cpu]++;
            if (program.record == nothing) {
                lost_++;
                return;
            }
            ring_[program.record].seq = seq;
        } else {
            if (program.record != nothing) {
                ring_[program.record].busy = false;
            }
            stack.pop_back();
        }
    }

    void finish() {
        finished_ = true;
        for (bool more = true; more;) {
            more = false;
            for (const auto& stack : stacks_) {
                more = more || !stack.empty();
            }
            const bool nested = std::exchange(nested_, false);
            if (more) {
                step();
            }
            nested_ = nested;
        }
    }

    void read(LossTracker& loss) {
        while (read_ < ring_.size() && !ring_[read_].busy) {
            arrived(loss, ring_[read_].cpu, ring_[read_].seq, ring_.size());
            read_++;
        }
        told_ += lost_in(loss.settle(read_));
        ASSERT_LE(told_, lost_) << "a record counted as lost was not";
    }

    /// One audit; the programs go on while it reads.
    void audit(LossTracker& loss) {
        audit_.close(loss, Side{*this, loss});
        ASSERT_LE(told_, lost_);
        ASSERT_LE(skips_told_, skips_) << "a run counted as skipped was not";
    }

    [[nodiscard]] std::uint64_t lost() const { return lost_; }
    [[nodiscard]] std::uint64_t told() const { return told_; }
    [[nodiscard]] std::uint64_t skips() const { return skips_; }
    [[nodiscard]] std::uint64_t skips_told() const { return skips_told_; }
    std::uint32_t pick(std::uint32_t below) {
        return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random_);
    }

private:
    static constexpr std::size_t nothing = SIZE_MAX;
    struct Record {
        std::uint32_t cpu;
        std::uint32_t seq;
        bool busy;
    };
    struct Program {
        std::size_t record;
        bool taken;
    };
    struct Side {
        Machine& machine;
        LossTracker& loss;

        [[nodiscard]] LossAudit::Counted counted() const {
            LossAudit::Counted counted{.skipped = {machine.skips_}, .cpus = {}};
            machine.counted_at_ = machine.ring_.size();
            machine.goes_on();
            for (const std::uint32_t taken : machine.taken_) {
                counted.cpus.emplace_back().emitted = taken;
            }
            machine.goes_on();
            return counted;
        }
        [[nodiscard]] std::uint64_t produced() const { return machine.ring_.size(); }
        [[nodiscard]] std::uint64_t consumed() const { return machine.read_; }
        void drain() const {
            machine.goes_on();
            machine.read(loss);
        }
        void skipped(std::size_t /*program*/, std::uint64_t runs) const {
            EXPECT_GE(machine.read_, machine.counted_at_)
                << "told ahead of what the ring had by then";
            machine.skips_told_ += runs;
        }
        void lost(std::uint32_t /*cpu*/, std::uint64_t records) const { machine.told_ += records; }
    };
    void goes_on() {
        for (std::uint32_t steps = finished_ ? 0 : pick(4); steps != 0; steps--) {
            step();
        }
    }
    std::size_t reserve(std::uint32_t cpu) {
        if (ring_.size() - read_ >= 12) {
            return nothing;  // full
        }
        ring_.push_back({.cpu = cpu, .seq = 0, .busy = true});
        return ring_.size() - 1;
    }

    std::mt19937 random_;
    std::vector<std::vector<Program>> stacks_;
    std::vector<std::uint32_t> taken_;
    std::vector<Record> ring_;
    std::size_t read_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t told_ = 0;
    std::uint64_t skips_ = 0;
    std::uint64_t skips_told_ = 0;
    std::size_t counted_at_ = 0;  // what the ring had as the skipped runs were counted
    LossAudit audit_;
    bool finished_ = false;
    bool nested_;
};

TEST(Loss, IsExactInEveryInterleaving) {
    std::uint64_t lost_in_all = 0;
    std::uint64_t skips_in_all = 0;
    for (unsigned seed = 0; seed < 400; seed++) {
        SCOPED_TRACE(seed);
        Machine machine(seed, 1 + seed % 4, seed % 3 != 0);
        LossTracker loss;
        for (int i = 0; i < 2000; i++) {
            machine.step();
            if (machine.pick(30) == 0) {
                machine.read(loss);
            } else if (machine.pick(200) == 0) {
                machine.audit(loss);
            }
            if (HasFatalFailure()) {
                return;
            }
        }
        machine.finish();
        machine.audit(loss);
        ASSERT_EQ(machine.told(), machine.lost());
        ASSERT_EQ(machine.skips_told(), machine.skips());
        ASSERT_FALSE(loss.pending());
        lost_in_all += machine.lost();
        skips_in_all += machine.skips();
    }
    EXPECT_GT(lost_in_all, 10'000U) << "the machine lost next to nothing: the test proves nothing";
    EXPECT_GT(skips_in_all, 10'000U) << "it skipped next to nothing";
}

}  // namespace
}  // namespace nstrail::test
