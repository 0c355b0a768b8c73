// SPDX-License-Identifier: Apache-2.0
// source/ring, against memory laid out as kernel/bpf/ringbuf.c does: a page of ours, a page of the
// kernel's, the data. (The kernel has the data twice in a row; the reader does not ask for that.)
#include "source/ring.hpp"

#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/fd.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint32_t busy = 1U << 31;
constexpr std::uint32_t discarded = 1U << 30;

class Producer {
public:
    explicit Producer(std::size_t pages = 1)
        : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
          size_(pages * page_),
          file_(memfd_create("ring", MFD_CLOEXEC)) {
        const std::size_t all = 2 * page_ + size_;
        EXPECT_EQ(ftruncate(file_.get(), static_cast<off_t>(all)), 0);
        void* at = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
        EXPECT_NE(at, MAP_FAILED);
        memory_ = static_cast<std::byte*>(at);
    }
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    ~Producer() { munmap(memory_, 2 * page_ + size_); }

    [[nodiscard]] Result<Ring> map() const { return Ring::map(file_.get(), size_); }
    [[nodiscard]] std::size_t size() const { return size_; }

    /// bpf_ringbuf_reserve: the position, or nothing if the ring is full.
    std::optional<std::uint64_t> reserve(std::size_t length) {
        const std::uint64_t total = (length + 8 + 7) / 8 * 8;
        if (position_ + total - consumed() > size_) {
            return std::nullopt;
        }
        const std::uint64_t at = position_;
        write_word(at, static_cast<std::uint32_t>(length) | busy);
        position_ += total;
        std::memcpy(memory_ + page_, &position_, sizeof(position_));
        return at;
    }
    void submit(std::uint64_t at, const std::string& bytes, std::uint32_t flags = 0) {
        for (std::size_t i = 0; i < bytes.size(); i++) {
            write(at + 8 + i, static_cast<std::byte>(bytes[i]));
        }
        write_word(at, static_cast<std::uint32_t>(bytes.size()) | flags);
    }
    bool put(const std::string& bytes, std::uint32_t flags = 0) {
        const auto at = reserve(bytes.size());
        if (at) {
            submit(*at, bytes, flags);
        }
        return at.has_value();
    }
    /// Both ends as if so much had gone through already.
    void start_at(std::uint64_t position) {
        position_ = position;
        std::memcpy(memory_, &position_, sizeof(position_));
        std::memcpy(memory_ + page_, &position_, sizeof(position_));
    }
    [[nodiscard]] std::uint64_t consumed() const {
        std::uint64_t position = 0;
        std::memcpy(&position, memory_, sizeof(position));
        return position;
    }

private:
    void write(std::uint64_t at, std::byte byte) { memory_[2 * page_ + at % size_] = byte; }
    void write_word(std::uint64_t at, std::uint32_t word) {
        for (std::size_t i = 0; i < 4; i++) {
            write(at + i, static_cast<std::byte>(word >> (8 * i)));
        }
    }

    std::size_t page_;
    std::size_t size_;
    Fd file_;
    std::byte* memory_ = nullptr;
    std::uint64_t position_ = 0;
};

std::vector<std::string> take(Ring& ring, std::size_t most = SIZE_MAX) {
    std::vector<std::string> taken;
    const std::size_t count = ring.consume(
        [&](std::span<const std::byte> record) {
            taken.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
        },
        most);
    EXPECT_EQ(count, taken.size());
    return taken;
}

using Strings = std::vector<std::string>;

TEST(Ring, HandsOverRecordsInOrderAndGivesTheirRoomBack) {
    Producer producer;
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
    Producer producer;
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

TEST(Ring, SkipsWhatWasDiscarded) {
    Producer producer;
    auto ring = producer.map();
    producer.put("gone", discarded);
    producer.put("here");
    producer.put("gone too", discarded);
    EXPECT_EQ(take(*ring), Strings{"here"});
    EXPECT_EQ(ring->fill(), 0U);
}

TEST(Ring, TakesNoMoreThanAskedFor) {
    Producer producer;
    auto ring = producer.map();
    for (const char* record : {"a", "b", "c"}) {
        producer.put(record);
    }
    EXPECT_EQ(take(*ring, 0), Strings{});
    EXPECT_EQ(take(*ring, 2), (Strings{"a", "b"}));
    EXPECT_EQ(take(*ring, 2), Strings{"c"});
}

TEST(Ring, ARecordOverTheEndIsInOnePiece) {
    Producer producer;
    auto ring = producer.map();
    producer.start_at(producer.size() - 16);
    const std::string record = "a record that goes over the end of the ring";
    producer.put(record);
    EXPECT_EQ(take(*ring), Strings{record});
}

TEST(Ring, PositionsGoBeyond32Bits) {
    Producer producer;
    auto ring = producer.map();
    producer.start_at(0x1'0000'0000 - 64);
    for (int i = 0; i < 20; i++) {
        producer.put("record " + std::to_string(i));
    }
    EXPECT_EQ(take(*ring).size(), 20U);
    EXPECT_GT(ring->consumed(), 0x1'0000'0000U);
}

TEST(Ring, RecordsAreAlignedAsEventsMustBe) {
    Producer producer;
    auto ring = producer.map();
    for (std::size_t length = 1; length < 20; length++) {
        producer.put(std::string(length, 'x'));
    }
    ring->consume([](std::span<const std::byte> record) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record.data()) % 8, 0U);
    });
}

TEST(Ring, GivesRoomBackBeforeItHasReadEverything) {
    Producer producer(64);
    auto ring = producer.map();
    const std::string record(1000, 'x');
    while (producer.put(record)) {
    }
    bool room = false;
    ring->consume([&](std::span<const std::byte>) { room = room || producer.consumed() > 0; });
    EXPECT_TRUE(room) << "a full ring stays full until its last record was handled";
}

TEST(Ring, EverythingArrivesOnceThroughManyTurns) {
    Producer producer;
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
                ASSERT_EQ(record.substr(0, record.find('.')), std::to_string(taken));
                taken++;
            }
        }
    }
    taken += take(*ring).size();
    EXPECT_EQ(taken, put);
    EXPECT_GT(ring->produced(), 10 * ring->size());
}

TEST(Ring, CanBeMoved) {
    Producer producer;
    auto ring = producer.map();
    Ring moved(std::move(*ring));
    producer.put("x");
    EXPECT_EQ(take(moved), Strings{"x"});
    Producer other;
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
    EXPECT_NE(no_map.error().line().find("map the ring buffer"), std::string::npos);
}

}  // namespace
}  // namespace nstrail::test
