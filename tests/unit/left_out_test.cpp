// SPDX-License-Identifier: Apache-2.0
// source/left_out: what a record leaves out is there again, and nothing else becomes an event.
#include "source/left_out.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "unit/any_event.hpp"

namespace nstrail::test {
namespace {

constexpr nst_ns_set initial_set{.nsproxy = 0x1122334455667788,
                                 .mnt = 0xf0000000,
                                 .uts = 0xeffffffe,
                                 .ipc = 0xefffffff,
                                 .net = 0xf0000098,
                                 .cgroup = 0xeffffffb,
                                 .time = 0xeffffffa,
                                 .time_for_children = 0xeffffffa,
                                 .pid_for_children = 0xeffffffc,
                                 .pid = 0xeffffffc,
                                 .user = 0xeffffffd};

/// A record as the programs write it, in words, which are aligned as in the ring.
using Words = std::vector<std::uint64_t>;

std::span<const std::byte> bytes_of(const Words& words) {
    return std::as_bytes(std::span(words));
}

/// An event's record, with what is at `place` left out.
Words without_set(std::span<const std::byte> whole, std::size_t place) {
    Words words((whole.size() - sizeof(nst_ns_set)) / sizeof(std::uint64_t));
    const auto to = std::as_writable_bytes(std::span(words));
    std::ranges::copy(whole.first(place), to.begin());
    std::ranges::copy(whole.subspan(place + sizeof(nst_ns_set)), to.subspan(place).begin());
    reinterpret_cast<nst_header*>(words.data())->kind |= NST_INITIAL_NS;
    return words;
}

/// Where an event has its set of namespaces, or 0.
std::size_t place_of_set(Kind kind) {
    switch (kind) {
        case NST_KIND_task_new:
            return offsetof(nst_task_new, ns);
        case NST_KIND_task_seen:
            return offsetof(nst_task_seen, ns);
        case NST_KIND_task_exec:
            return offsetof(nst_task_exec, ns);
        case NST_KIND_task_exit:
            return offsetof(nst_task_exit, ns);
        default:
            return 0;
    }
}

TEST(LeftOut, TheSetIsPutBackWhereItBelongs) {
    LeftOut left_out;
    int kinds = 0;
    for (unsigned seed = 0; seed < 20; seed++) {
        Random random(seed);
        for (EventBuffer& buffer : every_kind(random)) {
            const std::size_t place = place_of_set(buffer.event()->kind());
            if (place == 0) {
                continue;
            }
            kinds++;
            std::memcpy(&buffer.bytes()[place], &initial_set, sizeof(initial_set));
            const Words record = without_set(buffer.bytes(), place);
            const auto event = Event::decode(left_out.put_back(bytes_of(record), initial_set));
            ASSERT_TRUE(event) << event.error().line();
            EXPECT_TRUE(std::ranges::equal(event->bytes(), buffer.bytes()))
                << kind_name(event->kind());
        }
    }
    EXPECT_EQ(kinds, 4 * 20);
}

TEST(LeftOut, WhatIsWholeStaysWhereItIs) {
    LeftOut left_out;
    Extremes extremes;
    for (EventBuffer& buffer : every_kind(extremes)) {
        const auto put_back = left_out.put_back(buffer.bytes(), initial_set);
        EXPECT_EQ(put_back.data(), buffer.bytes().data());
        EXPECT_EQ(put_back.size(), buffer.bytes().size());
    }
}

TEST(LeftOut, AKindWithoutASetCannotLeaveItOut) {
    LeftOut left_out;
    Zeros zeros;
    for (EventBuffer& buffer : every_kind(zeros)) {
        if (place_of_set(buffer.event()->kind()) == 0) {
            reinterpret_cast<nst_header*>(buffer.bytes().data())->kind |= NST_INITIAL_NS;
            EXPECT_FALSE(Event::decode(left_out.put_back(buffer.bytes(), initial_set)));
        }
    }
    Words none(3);
    reinterpret_cast<nst_header*>(none.data())->kind = NST_INITIAL_NS | NST_KIND_end;
    EXPECT_FALSE(Event::decode(left_out.put_back(bytes_of(none), initial_set)));
}

TEST(LeftOut, ARecordCutOffOrTooLongIsNoEvent) {
    LeftOut left_out;
    const nst_task_exit whole{};
    Words record = without_set(std::as_bytes(std::span(&whole, 1)), offsetof(nst_task_exit, ns));
    reinterpret_cast<nst_header*>(record.data())->kind = NST_INITIAL_NS | NST_KIND_task_exit;
    ASSERT_TRUE(Event::decode(left_out.put_back(bytes_of(record), initial_set)));
    for (std::size_t words = 0; words < record.size(); words++) {
        const auto part = bytes_of(record).first(words * sizeof(std::uint64_t));
        EXPECT_FALSE(Event::decode(left_out.put_back(part, initial_set))) << words;
    }
    record.resize(NST_RING_RECORD_MOST / sizeof(std::uint64_t));
    EXPECT_TRUE(Event::decode(left_out.put_back(bytes_of(record), initial_set)));
    record.push_back(0);
    EXPECT_FALSE(Event::decode(left_out.put_back(bytes_of(record), initial_set)));
}

}  // namespace
}  // namespace nstrail::test
