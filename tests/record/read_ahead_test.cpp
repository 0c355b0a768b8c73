// SPDX-License-Identifier: Apache-2.0
// record/read_ahead: what a thread reads ahead is what would have been read, and stays as it is
// while it is looked at.
#include "record/read_ahead.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include <gtest/gtest.h>

#include "base/processors.hpp"
#include "record/metadata.hpp"
#include "record/recordings.hpp"

namespace nstrail::test {
namespace {

/// What next() returned and told, as it was when it did.
struct Came {
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    std::vector<std::byte> bytes;
    std::vector<std::string> damage;

    bool operator==(const Came&) const = default;
};

/// A chunk of more packets than are read at once, several times over; some are damaged.
class Ahead : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        WriterOptions options;
        options.store.path = dir_.path();
        options.store.compress = GetParam();
        options.chunk_bytes = chunk_bytes;
        options.keyframe_share = 0;
        std::vector<EventBuffer> events;
        for (std::size_t bytes = 0; bytes < chunk_bytes;) {
            for (const EventBuffer& event : scenes()) {
                events.push_back(event);
                bytes += event.event()->bytes().size();
            }
        }
        write_recording(options, events, [](Writer& writer, std::size_t i) {
            if (i % 200 == 0) {
                writer.flush();
            }
        });
        const auto boots = list_boots(dir_.path());
        ASSERT_TRUE(boots);
        const ShelvedChunk& chunk = boots->front().chunks.front();
        ASSERT_EQ(chunk.packed, GetParam());
        std::string bytes = slurp(chunk.file);
        std::mt19937 random(1);
        for (int i = 0; i < 20; i++) {
            bytes[random() % bytes.size()] ^= 1;
        }
        spill(chunk.file, bytes);
        auto alone = reader();
        while (auto one = came(alone)) {
            all_.push_back(std::move(*one));
        }
        ASSERT_GT(all_.size(), 100U);
    }

    [[nodiscard]] ChunkReader reader() const {
        const auto boots = list_boots(dir_.path());
        const ShelvedChunk& chunk = boots->front().chunks.front();
        return std::move(*ChunkReader::open(
            chunk, parse_metadata(read_text(chunk.path + "/metadata", 1U << 20).value())->uuid));
    }
    template <class Reader>
    static std::optional<Came> came(Reader& reader) {
        std::vector<std::string> damage;
        const auto packet = reader.next([&](const Damage& one) {
            damage.push_back(std::to_string(one.offset) + '+' + std::to_string(one.bytes) + ' ' +
                             one.why);
        });
        if (!packet) {
            return std::nullopt;
        }
        return Came{.offset = packet->offset,
                    .end = packet->end,
                    .bytes = {packet->bytes.begin(), packet->bytes.end()},
                    .damage = std::move(damage)};
    }

    static constexpr std::uint64_t chunk_bytes = std::uint64_t{5} << 20;

    TempDir dir_;
    std::vector<Came> all_;
};

TEST_P(Ahead, IsWhatWouldHaveBeenRead) {
    ReadAhead ahead(reader());
    for (const Came& one : all_) {
        const auto now = came(ahead);
        ASSERT_TRUE(now);
        ASSERT_EQ(*now, one) << one.offset;
    }
    EXPECT_FALSE(came(ahead));
    EXPECT_FALSE(came(ahead)) << "the end stays";
}

TEST_P(Ahead, APacketStaysWhileTheNextOnesAreRead) {
    ReadAhead ahead(reader());
    for (const Came& one : all_) {
        const auto packet = ahead.next([](const Damage&) {});
        ASSERT_TRUE(packet);
        std::this_thread::yield();
        ASSERT_TRUE(std::ranges::equal(packet->bytes, one.bytes)) << one.offset;
    }
}

TEST_P(Ahead, SeeksAsOftenAsOneLikes) {
    ReadAhead ahead(reader());
    std::mt19937 random(2);
    for (int i = 0; i < 100; i++) {
        std::size_t at = random() % all_.size();
        ahead.seek(all_[at].offset);
        for (auto steps = random() % 12; steps != 0 && at < all_.size(); steps--, at++) {
            const auto now = came(ahead);
            ASSERT_TRUE(now);
            ASSERT_EQ(now->offset, all_[at].offset);
            ASSERT_EQ(now->bytes, all_[at].bytes);
        }
    }
}

TEST_P(Ahead, APacketStaysAsLongAsItsOwnerIsHeld) {
    if (processors() < 2) {
        GTEST_SKIP() << "this process may use one only: nothing is read ahead";
    }
    struct Held {
        Owner owner;
        std::span<const std::byte> bytes;
        std::size_t at;
    };
    std::vector<Held> held;
    ReadAhead ahead(reader());
    std::mt19937 random(3);
    for (int i = 0; i < 100; i++) {
        std::size_t at = random() % all_.size();
        ahead.seek(all_[at].offset);
        EXPECT_EQ(ahead.owner(), nullptr) << "what was read before the seek is no owner after it";
        for (auto steps = random() % 20; steps != 0 && at < all_.size(); steps--, at++) {
            const auto packet = ahead.next([](const Damage&) {});
            ASSERT_TRUE(packet);
            if (const Owner* owner = ahead.owner(); owner != nullptr) {
                held.push_back({.owner = *owner, .bytes = packet->bytes, .at = at});
            }
        }
    }
    EXPECT_GT(held.size(), 100U);
    for (const Held& one : held) {
        ASSERT_TRUE(std::ranges::equal(one.bytes, all_[one.at].bytes)) << one.at;
    }
}

/// Threads of this process that there are more once so many packets have been read.
std::ptrdiff_t threads_more(ReadAhead& ahead, std::size_t packets) {
    const auto threads = [] {
        using std::filesystem::directory_iterator;
        return std::distance(directory_iterator("/proc/self/task"), directory_iterator());
    };
    const auto before = threads();
    for (std::size_t i = 0; i < packets; i++) {
        EXPECT_TRUE(ahead.next([](const Damage&) {}));
    }
    return threads() - before;
}

TEST_P(Ahead, HasNoThreadWhereOnlyOneProcessorMayBeUsed) {
    if (processors() < 2) {
        GTEST_SKIP() << "this process may use one only";
    }
    constexpr std::size_t packets = 20;  // it is at none of their ends
    std::jthread([&] {
        ReadAhead ahead(reader());
        EXPECT_EQ(threads_more(ahead, packets), 1);
    }).join();
    std::jthread([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
        ReadAhead ahead(reader());
        EXPECT_EQ(threads_more(ahead, packets), 0);
    }).join();
}

INSTANTIATE_TEST_SUITE_P(Packets, Ahead, testing::Bool(),
                         [](const auto& each) { return each.param ? "Compressed" : "Plain"; });

}  // namespace
}  // namespace nstrail::test
