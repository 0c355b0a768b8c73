// SPDX-License-Identifier: Apache-2.0
// What holds for every stream of events, however strange: it does no harm, it adds up, and the same
// events give the same world.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/adds_up.hpp"
#include "support/summary.hpp"
#include "unit/any_event.hpp"
#include "unit/script.hpp"

namespace nstrail::test {
namespace {

/// Events as their declarations allow them and no kernel would send them: everything about few
/// tasks, few namespaces, few numbers, so that they meet.
class Chaos final : public Filler {
public:
    explicit Chaos(unsigned seed) : random_(seed) {}
    std::uint64_t number(std::uint64_t max, Format format) override {
        switch (format) {
            case Format::KEY:
                return below(4) == 0 ? 0 : 0x100 + below(24);
            case Format::INUM:
                return below(8) == 0 ? 0 : 0xF0000000 + below(16);
            case Format::ID:
                return below(24);
            case Format::TIME:
                return below(4);
            case Format::ERRNO:
                return below(2) == 0 ? 0 : static_cast<std::uint64_t>(-17);
            case Format::FLAGS:
                return below(3) == 0 ? 0 : random_();
            case Format::ENUM_ns_type:
                return below(10);
            case Format::ENUM_mark_what:
                return 1 + below(2);
            case Format::ENUM_gap_cause:
                return below(5);
            case Format::ENUM_switch_via:
                return below(6);
            case Format::ENUM_hook_point:
                return 1 + below(2);
            default:
                return max == UINT32_MAX ? below(24) : below(4);
        }
    }
    std::string text(std::size_t most) override { return std::string(below(most + 1), 'x'); }
    std::uint32_t levels() override { return static_cast<std::uint32_t>(below(4)); }
    std::uint64_t below(std::uint64_t n) { return random_() % n; }

private:
    std::mt19937_64 random_;
};

EventBuffer next_event(Chaos& chaos) {
    // Births and records of tasks often, sessions and marks seldom.
    static const std::vector<std::uint32_t> kinds = [] {
        std::vector<std::uint32_t> all;
        for (std::uint32_t kind = 1; kind < NST_KIND_end; kind++) {
            const bool seldom = kind == NST_KIND_session || kind == NST_KIND_gap;
            const bool often = kind == NST_KIND_task_new || kind == NST_KIND_task_seen;
            all.insert(all.end(), seldom ? 1 : often ? 40 : 10, kind);
        }
        return all;
    }();
    switch (kinds[chaos.below(kinds.size())]) {
#define EVENT(name, number, help) \
    case number:                  \
        return filled<nst_##name>(chaos);
#include "wire/events.def"
        default:
            return EventBuffer(0);
    }
}

class AnyStream : public testing::TestWithParam<std::uint64_t> {};

TEST_P(AnyStream, DoesNoHarmAndAddsUp) {
    for (unsigned seed = 0; seed < 4; seed++) {
        SCOPED_TRACE(seed);
        Chaos chaos(seed);
        World world;
        nst_session session{};
        session.header.kind = NST_KIND_session;
        session.hooks = GetParam();
        const EventBuffer first = EventBuffer::make(session);
        world.apply(*first.event());
        for (int i = 1; i <= 100'000; i++) {
            const EventBuffer buffer = next_event(chaos);
            const auto event = buffer.event();
            ASSERT_TRUE(event) << event.error().line();
            if (event->kind() == NST_KIND_session) {
                continue;
            }
            world.apply(*event);
            if (i % 1000 == 0 || i < 300) {
                ASSERT_TRUE(adds_up(world.view())) << "after event " << i;
            }
        }
        EXPECT_GT(world.account().tasks_born, 1000U);
        EXPECT_GT(world.account().snapshots, 50U);
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, AnyStream,
                         testing::Values(full_hooks, reduced_hooks, std::uint64_t{0},
                                         full_hooks & ~bit(NST_HOOK_exchange_tids)));

TEST(AnyEvent, DoesNoHarm) {
    // Any numbers at all: a recording may be damaged, or made to harm.
    for (unsigned seed = 0; seed < 300; seed++) {
        Random random(seed);
        Extremes extremes;
        Zeros zeros;
        World world;
        for (int turn = 0; turn < 4; turn++) {
            Filler& filler = turn == 1   ? static_cast<Filler&>(extremes)
                             : turn == 2 ? static_cast<Filler&>(zeros)
                                         : random;
            for (const EventBuffer& buffer : every_kind(filler)) {
                const auto event = buffer.event();
                ASSERT_TRUE(event);
                world.apply(*event);
            }
        }
        (void)world.view();
    }
}

/// A day in the life of a host, in one script.
void live_a_little(Script& s) {
    std::mt19937 random(11);
    std::vector<std::uint32_t> alive;
    std::uint32_t next = 100;
    constexpr std::uint64_t flags[] = {
        0, 0, 0, CLONE_NEWPID, CLONE_NEWUTS | CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNS};
    for (int i = 0; i < 3000; i++) {
        const auto some = [&] { return alive[random() % alive.size()]; };
        switch (alive.empty() ? 0 : random() % 8) {
            case 0:
            case 1:
            case 2: {
                const std::uint32_t parent = alive.empty() || random() % 3 == 0 ? 1 : some();
                const bool deep = s.of(parent).vpids.size() > 5;
                s.fork({.tid = next, .parent = parent, .flags = deep ? 0 : flags[random() % 6]});
                alive.push_back(next++);
                break;
            }
            case 3:
                s.exec(some(), "program");
                break;
            case 4:
                s.unshare(some(), CLONE_NEWIPC);
                break;
            case 5:
                if (random() % 100 == 0) {
                    s.gap();
                    s.snapshot(static_cast<std::uint32_t>(i + 2));
                }
                break;
            default: {
                const std::uint32_t tid = some();
                // An init would take everybody in its namespace along.
                if (s.of(tid).vpids.back().nr != 1 || s.of(tid).vpids.size() == 1) {
                    s.die(tid);
                    std::erase(alive, tid);
                }
            }
        }
    }
}

TEST(Determinism, TheSameEventsGiveTheSameWorld) {
    Script s;
    live_a_little(s);
    World again;
    for (const EventBuffer& buffer : s.events()) {
        again.apply(*buffer.event());
    }
    EXPECT_EQ(summarize(again.view()).dump(1), summarize(s.world.view()).dump(1));
    EXPECT_TRUE(adds_up(again.view()));
}

TEST(Determinism, WhatAScriptSaysIsWhatTheWorldKnows) {
    Script s;
    live_a_little(s);
    EXPECT_GT(s.world.task_count(), 100U);
    EXPECT_EQ(s.account().tasks_dropped, 0U);
    EXPECT_EQ(s.account().switches_seen_late, 0U);
    const auto now = s.world.view();
    for (const auto& row : now.tasks()) {
        const TrueTask& truth = s.of(row.tid());
        EXPECT_EQ(row.record().key, truth.ref.key);
        EXPECT_EQ(row.comm(), truth.comm);
        EXPECT_EQ(row.ppid(), truth.ppid) << row.tid();
        for (const Slot slot : all_slots) {
            EXPECT_EQ(row.ns()[slot], inum_of(truth.ns, slot)) << slot_name(slot);
        }
        ASSERT_EQ(row.vpids().size(), truth.vpids.size());
        for (std::size_t i = 0; i < truth.vpids.size(); i++) {
            EXPECT_EQ(row.vpids()[i].nr, truth.vpids[i].nr);
        }
    }
}

TEST(Determinism, ReadersGetACopy) {
    Script s;
    s.fork({.tid = 100, .comm = "sh"});
    const auto before = s.world.view();
    const std::string told = summarize(before).dump();
    s.exec(100, "true");
    s.die(100);
    s.gap();
    EXPECT_EQ(summarize(before).dump(), told);
}

}  // namespace
}  // namespace nstrail::test
