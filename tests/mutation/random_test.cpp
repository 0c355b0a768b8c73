// SPDX-License-Identifier: Apache-2.0
// Damage of any kind, by chance: the rules may say anything of it, but do no harm, and their counts
// add up.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include <malloc.h>

#include <gtest/gtest.h>

#include "mutation/stream.hpp"
#include "unit/any_event.hpp"

namespace nstrail::test {
namespace {

constexpr std::size_t findings_kept = 1000;

/// What must hold of any findings.
void expect_consistent(const Findings& findings) {
    EXPECT_LE(findings.findings.size(), findings_kept);
    std::map<std::pair<std::string_view, Verdict>, std::uint64_t> shown;
    std::uint64_t all = 0;
    for (const Finding& finding : findings.findings) {
        shown[{finding.rule, finding.verdict}] += finding.count;
        all += finding.count;
        EXPECT_FALSE(finding.because.empty());
        EXPECT_EQ(finding.why_unknown.empty(), finding.verdict == Verdict::violation);
        EXPECT_FALSE(finding.evidence.empty());
        EXPECT_LE(finding.evidence.size(), 4U);
        EXPECT_TRUE(std::ranges::is_sorted(finding.evidence, {}, &Evidence::place));
    }
    std::uint64_t counted = 0;
    for (const RuleCount& rule : findings.rules) {
        EXPECT_LE((shown[{rule.id, Verdict::violation}]), rule.violations);
        EXPECT_LE((shown[{rule.id, Verdict::unknown}]), rule.unknown);
        counted += rule.violations + rule.unknown;
    }
    EXPECT_EQ(counted, all + findings.left_out);
    EXPECT_EQ(counted, findings.violations() + findings.unknown());
}

class Chance {
public:
    explicit Chance(unsigned seed) : random_(seed) {}
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    /// Where an event of a stream is.
    std::ptrdiff_t some(const std::vector<EventBuffer>& events) {
        return static_cast<std::ptrdiff_t>(below(events.size()));
    }

private:
    std::mt19937_64 random_;
};

/// One bit of an event, but not of its kind and of the session's, which no rule survives.
void flip(std::vector<EventBuffer>& events, Chance& chance) {
    EventBuffer& one = events[static_cast<std::size_t>(chance.some(events))];
    const auto bytes = one.bytes();
    if (bytes.size() <= sizeof(nst_header)) {
        return;
    }
    const std::size_t at = sizeof(nst_header) + chance.below(bytes.size() - sizeof(nst_header));
    bytes[at] ^= static_cast<std::byte>(1U << chance.below(8));
}

/// A word becomes one that some other event has: keys, numbers and inums meet.
void mix_up(std::vector<EventBuffer>& events, Chance& chance) {
    const auto from = events[static_cast<std::size_t>(chance.some(events))].bytes();
    const auto to = events[static_cast<std::size_t>(chance.some(events))].bytes();
    const std::size_t width = chance.below(2) == 0 ? 4 : 8;
    if (from.size() < sizeof(nst_header) + width || to.size() < sizeof(nst_header) + width) {
        return;
    }
    const auto word = [&](std::span<std::byte> bytes) {
        const std::size_t words = (bytes.size() - sizeof(nst_header)) / width;
        return bytes.subspan(sizeof(nst_header) + width * chance.below(words), width);
    };
    std::ranges::copy(word(from), word(to).begin());
}

void rearrange(std::vector<EventBuffer>& events, Chance& chance) {
    const auto at = events.begin() + chance.some(events);
    const auto other = events.begin() + chance.some(events);
    switch (chance.below(4)) {
        case 0:
            events.erase(at);
            break;
        case 1:
            events.insert(other, EventBuffer(*at));
            break;
        case 2:
            std::swap(*at, *other);
            break;
        default:
            std::swap(*at, *(at + 1 == events.end() ? at : at + 1));
    }
}

/// An event that no kernel would send.
void make_up(std::vector<EventBuffer>& events, Chance& chance) {
    Random filler(static_cast<unsigned>(chance.below(1U << 30)));
    auto any = every_kind(filler);
    const auto which = static_cast<std::size_t>(chance.some(any));
    const auto kind = any[which].event()->kind();
    if (kind != NST_KIND_session && kind != NST_KIND_gap) {
        events.insert(events.begin() + chance.some(events), std::move(any[which]));
    }
}

class RandomDamage : public testing::TestWithParam<int> {
protected:
    static const Stream& stream() {
        static const Stream recorded = Stream::recorded(FIXTURES "/debian-6.12-scenes.jsonl");
        static const Stream scripted = Stream::scripted();
        return GetParam() == 0 ? recorded : scripted;
    }
};

TEST_P(RandomDamage, DoesNoHarm) {
    std::uint64_t found = 0;
    std::set<std::string_view> rules;
    for (unsigned seed = 0; seed < 150; seed++) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        std::vector<EventBuffer> events = stream().buffers();
        for (std::uint64_t damages = 1 + chance.below(1ULL << chance.below(9)); damages > 0;
             damages--) {
            switch (chance.below(4)) {
                case 0:
                    flip(events, chance);
                    break;
                case 1:
                    mix_up(events, chance);
                    break;
                case 2:
                    rearrange(events, chance);
                    break;
                default:
                    make_up(events, chance);
            }
        }
        const Findings findings = judge(events);
        expect_consistent(findings);
        found += findings.violations() + findings.unknown();
        for (const Finding& finding : findings.findings) {
            rules.insert(finding.rule);
        }
    }
    EXPECT_GT(found, 1000U);
    EXPECT_GT(rules.size(), 20U) << "chance should meet most of the rules";
}

TEST_P(RandomDamage, IsJudgedTheSameEveryTime) {
    Chance chance(7);
    std::vector<EventBuffer> events = stream().buffers();
    for (int damages = 0; damages < 100; damages++) {
        mix_up(events, chance);
        rearrange(events, chance);
    }
    const Findings once = judge(events);
    const Findings again = judge(events);
    ASSERT_EQ(once.findings.size(), again.findings.size());
    for (std::size_t i = 0; i < once.findings.size(); i++) {
        EXPECT_EQ(once.findings[i].because, again.findings[i].because);
        EXPECT_EQ(once.findings[i].count, again.findings[i].count);
    }
}

TEST_P(RandomDamage, WithLossesProvesOnlyWhatOneEventShows) {
    // A gap after each event: nothing that rests on two of them may be called a violation.
    Chance chance(11);
    std::vector<EventBuffer> events = stream().buffers();
    for (int damages = 0; damages < 200; damages++) {
        mix_up(events, chance);
        rearrange(events, chance);
    }
    nst_gap gap{};
    gap.header.kind = NST_KIND_gap;
    gap.lost = 1;
    gap.cause = NST_gap_cause_ring;
    std::vector<EventBuffer> lossy;
    for (const EventBuffer& event : events) {
        lossy.push_back(event);
        lossy.push_back(EventBuffer::make(gap));
    }
    const Findings findings = judge(lossy);
    expect_consistent(findings);
    for (const Finding& finding : findings.findings) {
        EXPECT_EQ(finding.evidence.size(), 1U) << finding.rule << ": " << finding.because;
    }
}

TEST_P(RandomDamage, DoesNotGrowForEver) {
    // The same strange events again and again: nothing new, so nothing more to remember. (Where the
    // allocator does not count, as under a sanitizer, this says nothing.)
    Chance chance(13);
    std::vector<EventBuffer> events = stream().buffers();
    for (int damages = 0; damages < 300; damages++) {
        mix_up(events, chance);
        rearrange(events, chance);
    }
    World world;
    Checker checker(world);
    std::size_t settled = 0;
    for (int turn = 0; turn < 60; turn++) {
        for (const EventBuffer& buffer : events) {
            if (const auto event = buffer.event()) {
                checker.apply(*event);
            }
        }
        const std::size_t used = mallinfo2().uordblks;
        if (turn == 30) {
            settled = used;
        }
        if (turn > 30) {
            EXPECT_LE(used, settled + (std::size_t{1} << 20)) << "after " << turn << " turns";
        }
    }
    checker.finish();
    expect_consistent(checker.findings());
}

INSTANTIATE_TEST_SUITE_P(Streams, RandomDamage, testing::Values(0, 1), [](const auto& which) {
    return which.param == 0 ? "recorded" : "scripted";
});

}  // namespace
}  // namespace nstrail::test
