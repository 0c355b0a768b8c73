// SPDX-License-Identifier: Apache-2.0
// Whether the rules find damage: clean streams, each kind of damage at many places of them, and who
// finds it. Prints both ways round; all that can be seen must be found.
#include <algorithm>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mutation/damage.hpp"
#include "rules/rule.hpp"

namespace nstrail::test {
namespace {

/// Of each damage in each stream, spread evenly.
constexpr std::size_t places_tried = 60;

std::vector<std::size_t> spread(const std::vector<std::size_t>& all) {
    std::vector<std::size_t> some;
    const std::size_t count = std::min(all.size(), places_tried);
    for (std::size_t i = 0; i < count; i++) {
        some.push_back(all[i * all.size() / count]);
    }
    return some;
}

struct Tally {
    int done = 0;
    int visible = 0;
    int killed = 0;
    int alone = 0;  ///< found by the rule aimed at, and no other
    std::map<std::string, int> by_rule;
};

const std::vector<Stream>& streams() {
    static const std::vector<Stream> all = [] {
        std::vector<Stream> made;
        made.push_back(Stream::recorded(FIXTURES "/debian-6.12-scenes.jsonl"));
        made.push_back(Stream::scripted());
        return made;
    }();
    return all;
}

TEST(Mutation, TheStreamsAreClean) {
    for (const Stream& stream : streams()) {
        const Findings findings = judge(stream.buffers());
        for (const Finding& finding : findings.findings) {
            ADD_FAILURE() << stream.name() << ": " << finding.rule << ": " << finding.because;
        }
        EXPECT_EQ(findings.violations() + findings.unknown(), 0U);
        for (const RuleCount& rule : findings.rules) {
            EXPECT_GT(rule.checked, 0U) << stream.name() << ": " << rule.id;
        }
    }
}

/// Adds what one damage in one stream led to.
void damage_all(const Damage& damage, const Stream& stream, Tally& tally) {
    for (const std::size_t at : spread(damage.places(stream))) {
        const Mutant mutant = damage.apply(stream, at);
        tally.done++;
        const Findings findings = judge(mutant.events);
        std::set<std::string> finders;
        for (const RuleCount& rule : findings.rules) {
            if (rule.violations + (damage.like_loss ? rule.unknown : 0) != 0) {
                finders.emplace(rule.id);
                tally.by_rule[std::string(rule.id)]++;
            }
        }
        const bool killed = finders.contains(std::string(damage.rule));
        if (mutant.visible) {
            tally.visible++;
            tally.killed += killed ? 1 : 0;
            tally.alone += killed && finders.size() == 1 ? 1 : 0;
            EXPECT_TRUE(killed) << damage.kind << ", " << damage.what << ": " << stream.name()
                                << ", event " << at + 1 << ", is not found by " << damage.rule;
        }
    }
}

TEST(Mutation, EveryVisibleDamageIsFound) {
    std::map<std::string_view, Tally> by_rule;
    std::string kinds;
    for (const Damage& damage : all_damages()) {
        Tally tally;
        for (const Stream& stream : streams()) {
            damage_all(damage, stream, tally);
        }
        EXPECT_GT(tally.visible, 0) << damage.kind << ", " << damage.what << ": nowhere";
        std::string finders;
        for (const auto& [rule, count] : tally.by_rule) {
            finders += fmt::format(" {}:{}", rule, count);
        }
        kinds += fmt::format("{:<30} {:<52} {:<5} {:>3}/{:<3} {}\n", damage.kind, damage.what,
                             damage.rule, tally.killed, tally.visible, finders);
        Tally& sum = by_rule[damage.rule];
        sum.done += tally.done;
        sum.visible += tally.visible;
        sum.killed += tally.killed;
        sum.alone += tally.alone;
    }
    std::cout << fmt::format("{:<30} {:<52} {:<5} {:<7}  found by\n", "damage", "of what", "aim",
                             "killed")
              << kinds << '\n'
              << fmt::format("{:<5} {:>7} {:>7} {:>6} {:>9} {:>6}\n", "rule", "damages", "visible",
                             "killed", "kill rate", "alone");
    for (const Rule* rule : all_rules()) {
        const Tally& sum = by_rule[rule->id];
        std::cout << fmt::format("{:<5} {:>7} {:>7} {:>6} {:>8}% {:>6}\n", rule->id, sum.done,
                                 sum.visible, sum.killed,
                                 sum.visible == 0 ? 0 : 100 * sum.killed / sum.visible, sum.alone);
        EXPECT_GT(sum.visible, 0) << rule->id;
        EXPECT_EQ(sum.killed, sum.visible) << rule->id;
        EXPECT_GT(sum.alone, 0) << rule->id << ": no damage that only this rule finds";
    }
}

TEST(Mutation, EveryKindIsThere) {
    std::set<std::string_view> kinds;
    for (const Damage& damage : all_damages()) {
        kinds.insert(damage.kind);
    }
    for (const std::string_view kind :
         {"drop", "duplicate", "swap", "retarget", "wrong number", "wrong level", "wrong namespace",
          "late switch", "double free", "reuse while live", "allocation in a dead namespace",
          "foreign nsproxy change", "active pid ns changed", "child outlives parent"}) {
        EXPECT_TRUE(kinds.contains(kind)) << kind;
    }
}

}  // namespace
}  // namespace nstrail::test
