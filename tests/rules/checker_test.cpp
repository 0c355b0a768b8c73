// SPDX-License-Identifier: Apache-2.0
// What the checker does with what the rules say.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <set>
#include <vector>

#include "rules/breach.hpp"
#include "rules/history.hpp"

namespace nstrail::test {
namespace {

constexpr std::uint32_t inum = 0xF0000042;

TEST(Checker, NoRuleSpeaksBeforeTheFirstSnapshotIsComplete) {
    Script s(full_hooks, Script::Start::session);
    s.inum_alloc(inum);
    s.inum_alloc(inum);
    s.snapshot(1);
    EXPECT_TRUE(holds(s, {}));
    EXPECT_EQ(count_of(s.checker, "NS1").checked, 0U);
    s.inum_alloc(inum);
    s.audited();
    EXPECT_EQ(count_of(s.checker, "NS1").violations, 1U) << "what came before is remembered";
}

TEST(Checker, FoldsWhatIsAboutTheSame) {
    Script s;
    s.fork({.tid = 100});
    for (int i = 0; i < 5; i++) {
        s.spoil<nst_ns_switch>([](nst_ns_switch& e) { e.references = 0xFFFFFFFF; });
        s.unshare(100, CLONE_NEWUTS);
    }
    s.audited();
    const auto findings = found(s.checker, "NSP7");
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].count, 5U);
    EXPECT_GT(findings[0].last_boot_ns, findings[0].at_boot_ns);
    EXPECT_EQ(findings[0].task.tid, 100U);
    EXPECT_EQ(findings[0].comm, "init");
    EXPECT_EQ(count_of(s.checker, "NSP7").violations, 5U);
    EXPECT_EQ(s.checker.findings().violations(), 5U);
    EXPECT_EQ(s.checker.findings().left_out, 0U);
}

TEST(Checker, TellsEachFindingOnce) {
    Script s;
    s.inum_alloc(inum);
    s.inum_alloc(inum);
    EXPECT_TRUE(s.checker.news().empty());
    s.audited();
    EXPECT_EQ(s.checker.news().size(), 1U);
    s.audited();
    EXPECT_TRUE(s.checker.news().empty());
    s.checker.finish();
    EXPECT_TRUE(s.checker.news().empty());
    EXPECT_EQ(s.checker.findings().findings.size(), 1U);
}

TEST(Checker, KeepsSoManyAndCountsTheRest) {
    Script s;
    s.keep_events = false;
    for (std::uint32_t i = 0; i < 1200; i++) {
        s.inum_alloc(inum + i);
        s.inum_alloc(inum + i);
    }
    s.audited();
    const Findings& findings = s.checker.findings();
    EXPECT_EQ(findings.findings.size(), 1000U);
    EXPECT_EQ(findings.left_out, 200U);
    EXPECT_EQ(findings.violations(), 1200U);
}

TEST(Checker, KeepsSoManySuspectsAndCountsTheRestAsUnknown) {
    Script s;
    s.keep_events = false;
    s.inum_alloc(inum);
    for (std::uint32_t i = 0; i < 10'100; i++) {
        s.inum_alloc(inum);
    }
    s.audited();
    const Findings& findings = s.checker.findings();
    EXPECT_EQ(findings.violations(), 10'000U);
    EXPECT_EQ(findings.unknown(), 100U);
    EXPECT_EQ(findings.left_out, 100U);
    ASSERT_EQ(findings.findings.size(), 1U);
    EXPECT_EQ(findings.findings[0].count, 10'000U);
}

TEST(Checker, SaysWhereEvidenceWasThatItDoesNotHaveAnyMore) {
    Script s;
    s.inum_alloc(inum);
    const Place first = s.events().size();
    s.keep_events = false;
    for (std::uint32_t i = 0; i < 20'000; i++) {
        s.inum_alloc(inum + 1);
        s.inum_free(inum + 1);
    }
    s.inum_alloc(inum);
    s.audited();
    const auto findings = found(s.checker, "NS1");
    ASSERT_EQ(findings.size(), 1U);
    ASSERT_EQ(findings[0].evidence.size(), 2U);
    EXPECT_EQ(findings[0].evidence[0].place, first);
    EXPECT_FALSE(findings[0].evidence[0].event.event()) << "it is empty";
    EXPECT_EQ(kinds_of(findings[0])[1], NST_KIND_inum_alloc);
    EXPECT_EQ(findings[0].verdict, Verdict::violation);
}

TEST(Checker, ALaterSessionChangesWhatCanBeChecked) {
    Script s;
    EXPECT_FALSE(count_of(s.checker, "NS1").uncheckable);
    s.session(reduced_hooks);
    EXPECT_TRUE(count_of(s.checker, "NS1").uncheckable);
    s.inum_alloc(inum);
    s.inum_alloc(inum);
    EXPECT_TRUE(holds(s, {}));
    for (const RuleCount& rule : s.checker.findings().rules) {
        EXPECT_EQ(rule.uncheckable,
                  uncheckable(**std::ranges::find(all_rules(), rule.id, &Rule::id), reduced_hooks));
    }
}

TEST(History, KeepsTheLatest) {
    History history;
    EXPECT_FALSE(history.find(1));
    EXPECT_FALSE(history.find(not_told));
    Script s;
    for (std::uint32_t i = 0; i < 40; i++) {
        s.fork({.tid = 100 + i});
    }
    const auto& events = s.events();
    Place place = 0;
    for (int turn = 0; turn < 500; turn++) {
        for (const EventBuffer& event : events) {
            history.keep(++place, *event.event());
        }
    }
    std::size_t kept = 0;
    for (Place at = place; at > 0 && history.find(at); at--, kept++) {
        const auto event = history.find(at);
        const auto original = events[(at - 1) % events.size()].event();
        ASSERT_TRUE(std::ranges::equal(event->bytes(), original->bytes())) << at;
    }
    EXPECT_GT(kept, 4000U);
    EXPECT_FALSE(history.find(1));
    EXPECT_FALSE(history.find(place + 1));
}

/// Events of packets that are read ahead, each packet in a room of its own.
class Lent {
public:
    Lent() { script_.fork({.tid = 100}); }
    void packet(int events) {
        auto room = std::make_shared<EventBuffer>(event());
        const Owner owner = room;
        rooms_.emplace_back(owner);
        for (int i = 0; i < events; i++) {
            history.keep(++place, *Event::in(room->bytes(), &owner));
        }
    }
    [[nodiscard]] const EventBuffer& event() const { return script_.events().back(); }
    [[nodiscard]] std::ptrdiff_t held() const {
        return std::ranges::count_if(rooms_, [](const auto& room) { return !room.expired(); });
    }

    History history;
    Place place = 0;

private:
    Script script_;
    std::vector<std::weak_ptr<const void>> rooms_;
};

TEST(History, HoldsWhatHasAnOwnerWhereItIs) {
    Lent lent;
    for (int packet = 0; packet < 100; packet++) {
        lent.packet(3);
        // Made by the agent itself: nobody keeps it.
        lent.history.keep(++lent.place, *lent.event().event());
    }
    EXPECT_GT(lent.held(), 10);
    EXPECT_LT(lent.held(), 50) << "a long replay must not hold all that it read";
    std::ptrdiff_t kept = 0;
    for (Place at = lent.place; at > 0 && lent.history.find(at); at--, kept++) {
        ASSERT_TRUE(
            std::ranges::equal(lent.history.find(at)->bytes(), lent.event().event()->bytes()))
            << at;
    }
    EXPECT_GE(kept, 4 * 10);
    EXPECT_LE(kept, 4 * lent.held());
}

TEST(History, HoldsNoRoomOfWhichNothingCanBeFound) {
    Lent lent;
    for (int packet = 0; packet < 20; packet++) {
        lent.packet(10'000);
    }
    EXPECT_LE(lent.held(), 4);
    EXPECT_TRUE(lent.history.find(lent.place - 10'000)) << "of the room before";
}

TEST(Rules, AreAllBroken) {
    // Of each there is a scene above that breaks it.
    std::set<std::string> broken;
    const auto* unit = testing::UnitTest::GetInstance();
    for (int i = 0; i < unit->total_test_suite_count(); i++) {
        const auto* suite = unit->GetTestSuite(i);
        if (std::string_view(suite->name()).ends_with("/EachBreach")) {
            for (int j = 0; j < suite->total_test_count(); j++) {
                const std::string name = suite->GetTestInfo(j)->name();
                const auto from = name.find('/') + 1;
                broken.insert(name.substr(from, name.find('_', from) - from));
            }
        }
    }
    for (const Rule* rule : all_rules()) {
        EXPECT_TRUE(broken.contains(std::string(rule->id))) << rule->id;
    }
    EXPECT_EQ(broken.size(), all_rules().size());
}

}  // namespace
}  // namespace nstrail::test
