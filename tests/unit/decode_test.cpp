// SPDX-License-Identifier: Apache-2.0
// event/decode: what comes out is whole and within its bounds, whatever goes in.
#include <array>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "unit/any_event.hpp"

namespace nstrail::test {
namespace {

std::span<const std::byte> bytes_of(EventBuffer& buffer) {
    return buffer.bytes();
}

std::string refusal(std::span<const std::byte> record) {
    const auto event = Event::decode(record);
    return event ? "" : event.error().line();
}

/// A record of `size` bytes, aligned as in the ring.
struct Record {
    alignas(8) std::array<std::byte, 4096> bytes{};
    template <class T>
    T& as() {
        return *reinterpret_cast<T*>(bytes.data());
    }
    [[nodiscard]] std::span<const std::byte> first(std::size_t size) const {
        return std::span(bytes).first(size);
    }
};

TEST(Decode, KnowsEveryKindByNumberAndName) {
    Extremes extremes;
    std::set<std::string_view> names;
    for (EventBuffer& buffer : every_kind(extremes)) {
        const auto event = buffer.event();
        ASSERT_TRUE(event) << event.error().line();
        EXPECT_EQ(event->bytes().size(), bytes_of(buffer).size());
        EXPECT_TRUE(names.insert(kind_name(event->kind())).second);
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(NST_KIND_end - 1));
    EXPECT_FALSE(names.contains("unknown"));
    EXPECT_EQ(kind_name(NST_KIND_end), "unknown");
}

TEST(Decode, RefusesLessThanAHeader) {
    const Record record;
    for (std::size_t size = 0; size < sizeof(nst_header); size++) {
        EXPECT_NE(refusal(record.first(size)).find("less than a header"), std::string::npos)
            << size;
    }
    EXPECT_NE(refusal({}), "");
}

TEST(Decode, RefusesUnknownKinds) {
    Record record;
    for (const nst_u32 kind : {0U, static_cast<nst_u32>(NST_KIND_end), 255U, 65535U}) {
        record.as<nst_header>().kind = static_cast<nst_u16>(kind);
        EXPECT_NE(refusal(record.first(512)).find("is not known"), std::string::npos) << kind;
    }
}

TEST(Decode, RefusesEveryKindCutShort) {
    Extremes extremes;
    for (EventBuffer& buffer : every_kind(extremes)) {
        const auto whole = bytes_of(buffer);
        for (std::size_t size = 0; size < whole.size(); size++) {
            ASSERT_NE(refusal(whole.first(size)), "")
                << kind_name(buffer.event()->kind()) << " of " << size << " bytes";
        }
    }
}

TEST(Decode, RefusesATailLongerThanItsRecord) {
    Record record;
    auto& seen = record.as<nst_task_seen>();
    seen.header.kind = NST_KIND_task_seen;
    seen.levels = 3;
    const std::size_t three = sizeof(nst_task_seen) + 3 * sizeof(nst_pid_nr);
    EXPECT_EQ(refusal(record.first(three)), "");
    EXPECT_NE(refusal(record.first(three - 1)).find("claims 3 elements"), std::string::npos);
    // So large that count times size would wrap.
    for (const nst_u32 count : {0x20000000U, 0x80000000U, 0xFFFFFFFFU}) {
        seen.levels = count;
        EXPECT_NE(refusal(record.first(4096)), "") << count;
    }
}

TEST(Decode, RefusesMoreLevelsThanPidNamespacesNest) {
    Record record;
    auto& born = record.as<nst_task_new>();
    born.header.kind = NST_KIND_task_new;
    born.levels = NST_MAX_LEVELS;
    EXPECT_EQ(refusal(record.first(4096)), "");
    born.levels = NST_MAX_LEVELS + 1;
    EXPECT_NE(refusal(record.first(4096)), "");
}

TEST(Decode, RefusesRecordsThatAreNotAligned) {
    Record record;
    for (std::size_t offset = 1; offset < 8; offset++) {
        auto* at = record.bytes.data() + offset;
        nst_header header{};
        header.kind = NST_KIND_mark;
        std::memcpy(at, &header, sizeof(header));
        EXPECT_NE(refusal({at, sizeof(nst_mark)}).find("aligned"), std::string::npos) << offset;
    }
}

TEST(Decode, TakesOfALongerRecordOnlyTheEvent) {
    for (const nst_u32 levels : {0U, 1U, 2U, 4U, 5U, 33U}) {
        Record record;
        auto& born = record.as<nst_task_new>();
        born.header.kind = NST_KIND_task_new;
        born.levels = levels;
        auto* vpids = reinterpret_cast<nst_pid_nr*>(&born + 1);
        for (nst_u32 i = 0; i < NST_MAX_LEVELS; i++) {
            vpids[i] = {.pid_namespace = 100 + i, .nr = i + 1};
        }
        const auto event =
            Event::decode(record.first(sizeof(nst_task_new) + NST_MAX_LEVELS * sizeof(nst_pid_nr)));
        ASSERT_TRUE(event) << event.error().line();
        EXPECT_EQ(event->bytes().size(), sizeof(nst_task_new) + levels * sizeof(nst_pid_nr));
        const auto tail = event->tail<nst_task_new, nst_pid_nr>();
        ASSERT_EQ(tail.size(), levels);
        for (nst_u32 i = 0; i < levels; i++) {
            EXPECT_EQ(tail[i].pid_namespace, 100 + i);
            EXPECT_EQ(tail[i].nr, i + 1);
        }
    }
}

TEST(Decode, NeverReadsBeyondGarbage) {
    // AddressSanitizer watches the ends: each record is an allocation of its own size.
    std::mt19937 random(7);
    std::size_t accepted = 0;
    for (int i = 0; i < 100'000; i++) {
        const std::size_t size = random() % 400;
        std::vector<std::uint64_t> words(size / 8 + 1);
        for (auto& word : words) {
            word = std::uint64_t{random()} << 32 | random();
        }
        if (size >= sizeof(nst_header)) {
            auto& header = *reinterpret_cast<nst_header*>(words.data());
            header.kind = static_cast<nst_u16>(random() % (NST_KIND_end + 2));
        }
        const auto event = Event::decode(std::as_bytes(std::span(words)).first(size));
        accepted += event ? 1 : 0;
    }
    EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace nstrail::test
