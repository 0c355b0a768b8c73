// SPDX-License-Identifier: Apache-2.0
// source/ring, against a writer that does what the BPF programs do.
#include "source/ring.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/fd.hpp"

namespace nstrail::test {
namespace {

/// What the programs do (bpf/lib/ring.bpf.h), in memory laid out as the map is.
class Producer {
public:
    explicit Producer(std::size_t size = 4096)
        : size_(size), file_(memfd_create("ring", MFD_CLOEXEC)) {
        const std::size_t all = Ring::bytes_of_map(size_);
        EXPECT_EQ(ftruncate(file_.get(), static_cast<off_t>(all)), 0);
        void* at = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
        EXPECT_NE(at, MAP_FAILED);
        memory_ = static_cast<std::byte*>(at);
    }
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    ~Producer() { munmap(memory_, Ring::bytes_of_map(size_)); }

    [[nodiscard]] Result<Ring> map() const { return Ring::map(file_.get(), size_); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] nst_ring& ends() const { return *reinterpret_cast<nst_ring*>(memory_); }
    [[nodiscard]] std::uint64_t consumed() const {
        return std::atomic_ref(ends().consumed).load(std::memory_order_acquire);
    }

    /// A place, in which nothing is written: its position, or nothing if the ring is full.
    [[nodiscard]] std::optional<std::uint64_t> place(std::size_t length) const {
        std::atomic_ref produced(ends().produced);
        const std::uint64_t before = consumed();
        nst_u64 at = produced.load();
        do {
            if (at + bytes_of(length) - before > size_) {
                return std::nullopt;
            }
        } while (!produced.compare_exchange_weak(at, at + bytes_of(length)));
        return at;
    }
    /// The same, begun.
    [[nodiscard]] std::optional<std::uint64_t> reserve(std::size_t length) const {
        const auto at = place(length);
        if (at) {
            word(*at).store(~((*at + bytes_of(length)) ^ ends().secret));
        }
        return at;
    }
    /// A record is as long as it was reserved; what the text leaves of it is dots.
    void submit(std::uint64_t at, const std::string& text) const {
        std::byte* const to = memory_ + NST_RING_DATA + (at % size_) + NST_RING_WORD;
        std::memset(to, '.', bytes_of(text.size()) - NST_RING_WORD);
        std::memcpy(to, text.data(), text.size());
        word(at).store(~word(at).load(), std::memory_order_release);
    }
    bool put(const std::string& text) const {
        const auto at = reserve(text.size());
        if (at) {
            submit(*at, text);
        }
        return at.has_value();
    }
    /// Both ends as if so much had gone through already.
    void start_at(std::uint64_t position) const {
        ends().produced = position;
        ends().consumed = position;
    }

private:
    static std::uint64_t bytes_of(std::size_t length) {
        return NST_RING_WORD + (length + 7) / 8 * 8;
    }
    [[nodiscard]] std::atomic_ref<std::uint64_t> word(std::uint64_t at) const {
        return std::atomic_ref(
            *reinterpret_cast<std::uint64_t*>(memory_ + NST_RING_DATA + (at % size_)));
    }

    std::size_t size_;
    Fd file_;
    std::byte* memory_ = nullptr;
};

std::string text_of(std::span<const std::byte> record) {
    const std::string text(reinterpret_cast<const char*>(record.data()), record.size());
    return text.substr(0, text.find('.'));
}

std::vector<std::string> take(Ring& ring, std::size_t most = SIZE_MAX) {
    std::vector<std::string> taken;
    const std::size_t count = ring.consume(
        [&](std::span<const std::byte> record) { taken.push_back(text_of(record)); }, most);
    EXPECT_EQ(count, taken.size());
    return taken;
}

using Strings = std::vector<std::string>;

TEST(Ring, HandsOverRecordsInOrderAndGivesTheirRoomBack) {
    const Producer producer;
    auto ring = producer.map();
    ASSERT_TRUE(ring) << ring.error().line();
    EXPECT_EQ(ring->size(), producer.size());
    EXPECT_EQ(take(*ring), Strings{});
    producer.put("one");
    producer.put("twotwotwo");
    EXPECT_EQ(ring->fill(), 16U + 24U);
    EXPECT_EQ(take(*ring), (Strings{"one", "twotwotwo"}));
    EXPECT_EQ(ring->fill(), 0U);
    EXPECT_EQ(producer.consumed(), 40U);
    EXPECT_EQ(take(*ring), Strings{});
}

TEST(Ring, StopsAtARecordThatIsStillBeingWritten) {
    const Producer producer;
    auto ring = producer.map();
    producer.put("before");
    const auto slow = producer.reserve(4);
    producer.put("after");
    EXPECT_EQ(take(*ring), Strings{"before"});
    EXPECT_EQ(take(*ring), Strings{});
    EXPECT_LT(ring->consumed(), ring->produced());
    producer.submit(*slow, "slow");
    EXPECT_EQ(take(*ring), (Strings{"slow", "after"}));
    EXPECT_EQ(ring->consumed(), ring->produced());
}

TEST(Ring, WhatAnEarlierTurnLeftIsNoRecord) {
    const Producer producer(1024);
    auto ring = producer.map();
    // Zeros, as long as nothing was written there.
    ASSERT_TRUE(producer.place(8));
    EXPECT_EQ(take(*ring), Strings{});
    producer.start_at(0);
    // Then words, or what is in records: positions to come, as somebody might write who knows how
    // this works but not the secret.
    for (std::uint64_t turn = 1; turn <= 64; turn++) {
        std::string positions(16, '\0');
        for (std::uint64_t i = 0; i < 2; i++) {
            const std::uint64_t next = (turn * 1024) + 16 + (8 * i);
            std::memcpy(positions.data() + (8 * i), &next, sizeof(next));
        }
        const bool another = turn % 2 == 0;
        while (producer.put(another ? "12345678" : positions)) {
        }
        EXPECT_GT(take(*ring).size(), 40U);
        ASSERT_TRUE(producer.place(turn % 3 * 8));
        EXPECT_EQ(take(*ring), Strings{}) << turn;
        producer.start_at(turn * 1024 + turn % 5 * 8);
    }
}

TEST(Ring, TakesNoMoreThanAskedFor) {
    const Producer producer;
    auto ring = producer.map();
    for (const char* record : {"a", "b", "c"}) {
        producer.put(record);
    }
    EXPECT_EQ(take(*ring, 0), Strings{});
    EXPECT_EQ(take(*ring, 2), (Strings{"a", "b"}));
    EXPECT_EQ(take(*ring, 2), Strings{"c"});
}

TEST(Ring, ARecordOverTheEndIsInOnePiece) {
    const Producer producer;
    auto ring = producer.map();
    const std::string longest(NST_RING_RECORD_MOST - 8, 'x');
    producer.start_at(producer.size() - 8);
    producer.put(longest);
    EXPECT_EQ(take(*ring), Strings{longest});
    producer.put("next");
    EXPECT_EQ(take(*ring), Strings{"next"});
}

TEST(Ring, PositionsGoBeyond32Bits) {
    const Producer producer;
    auto ring = producer.map();
    producer.start_at(0x1'0000'0000 - 64);
    for (int i = 0; i < 20; i++) {
        producer.put("record " + std::to_string(i));
    }
    EXPECT_EQ(take(*ring).size(), 20U);
    EXPECT_GT(ring->consumed(), 0x1'0000'0000U);
}

TEST(Ring, RecordsAreAlignedAsEventsMustBe) {
    const Producer producer;
    auto ring = producer.map();
    for (std::size_t length = 1; length < 20; length++) {
        producer.put(std::string(length, 'x'));
    }
    ring->consume([](std::span<const std::byte> record) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record.data()) % 8, 0U);
    });
}

TEST(Ring, GivesRoomBackBeforeItHasReadEverything) {
    const Producer producer(64 * 4096);
    auto ring = producer.map();
    const std::string record(1000, 'x');
    while (producer.put(record)) {
    }
    bool room = false;
    ring->consume([&](std::span<const std::byte>) { room = room || producer.consumed() > 0; });
    EXPECT_TRUE(room) << "a full ring stays full until its last record was handled";
}

TEST(Ring, EverythingArrivesOnceThroughManyTurns) {
    const Producer producer;
    auto ring = producer.map();
    std::mt19937 random(5);
    std::uint64_t put = 0;
    std::uint64_t taken = 0;
    for (int i = 0; i < 20'000; i++) {
        const std::string number = std::to_string(put);
        if (producer.put(number + std::string(random() % 50, '.'))) {
            put++;
        }
        if (random() % 8 == 0) {
            for (const std::string& record : take(*ring, random() % 30)) {
                ASSERT_EQ(record, std::to_string(taken));
                taken++;
            }
        }
    }
    taken += take(*ring).size();
    EXPECT_EQ(taken, put);
    EXPECT_GT(ring->produced(), 10 * ring->size());
}

TEST(Ring, ManyMayWriteAtOnce) {
    constexpr int writers = 3;
    constexpr int each = 20'000;
    const Producer producer;
    auto ring = producer.map();
    std::vector<std::jthread> threads;
    for (int writer = 0; writer < writers; writer++) {
        // Where the test fails nobody reads any more, and none may wait for room.
        threads.emplace_back([&producer, writer](const std::stop_token& ended) {
            for (int i = 0; i < each; i++) {
                const std::string text = std::to_string(writer) + ":" + std::to_string(i) +
                                         std::string(static_cast<std::size_t>(i % 40), '.');
                while (!producer.put(text) && !ended.stop_requested()) {
                    std::this_thread::yield();
                }
            }
        });
    }
    std::array<int, writers> next = {};
    while (std::accumulate(next.begin(), next.end(), 0) < writers * each) {
        for (const std::string& record : take(*ring)) {
            const auto writer = static_cast<std::size_t>(record.at(0) - '0');
            ASSERT_EQ(record.substr(2), std::to_string(next.at(writer)));
            next.at(writer)++;
        }
    }
}

TEST(Ring, WhoMapsItAgainGoesOn) {
    const Producer producer;
    {
        auto before = producer.map();
        producer.put("one");
        EXPECT_EQ(take(*before), Strings{"one"});
        producer.put("two");
    }
    producer.put("three");
    auto after = producer.map();
    EXPECT_EQ(take(*after), (Strings{"two", "three"}));
}

TEST(Ring, CanBeMoved) {
    const Producer producer;
    auto ring = producer.map();
    Ring moved(std::move(*ring));
    producer.put("x");
    EXPECT_EQ(take(moved), Strings{"x"});
    const Producer other;
    auto second = other.map();
    moved = std::move(*second);
    other.put("y");
    EXPECT_EQ(take(moved), Strings{"y"});
}

TEST(Ring, SaysSoWhereThereIsNoRing) {
    EXPECT_FALSE(Ring::map(-1, 4096));
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const Fd reader(ends[0]);
    const Fd writer(ends[1]);
    const auto no_map = Ring::map(reader.get(), 4096);
    ASSERT_FALSE(no_map);
    EXPECT_NE(no_map.error().line().find("map the ring"), std::string::npos);
}

}  // namespace
}  // namespace nstrail::test
