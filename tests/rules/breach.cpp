// SPDX-License-Identifier: Apache-2.0
#include "rules/breach.hpp"

#include <algorithm>

namespace nstrail::test {

namespace {

/// The scene again, its session told differently.
struct Replay {
    World world;
    Checker checker{world};

    Replay(const std::vector<EventBuffer>& events,
           const std::function<void(nst_session&)>& session) {
        for (const EventBuffer& original : events) {
            EventBuffer buffer = original;
            if (original.event()->kind() == NST_KIND_session) {
                session(*reinterpret_cast<nst_session*>(buffer.bytes().data()));
            }
            checker.apply(*buffer.event());
        }
    }
};

const Rule& rule_of(std::string_view id) {
    return **std::ranges::find(all_rules(), id, &Rule::id);
}

testing::AssertionResult undecided(const Checker& checker, const Breach& breach,
                                   std::string_view why) {
    const auto findings = found(checker, breach.rule);
    if (findings.empty()) {
        return testing::AssertionFailure() << "nothing was found";
    }
    for (const Finding& finding : findings) {
        const bool alone = finding.evidence.size() == 1 && !breach.by_model;
        if (alone && (finding.verdict != Verdict::violation || !finding.why_unknown.empty())) {
            return testing::AssertionFailure() << "one event proves it: " << finding.because;
        }
        if (!alone && (finding.verdict != Verdict::unknown ||
                       finding.why_unknown.find(why) == std::string::npos)) {
            return testing::AssertionFailure()
                   << verdict_name(finding.verdict) << " of " << finding.because << ", unknown as '"
                   << finding.why_unknown << "'";
        }
    }
    return testing::AssertionSuccess();
}

}  // namespace

std::string name_of_breach(const testing::TestParamInfo<Breach>& info) {
    return std::string(info.param.rule) + "_" + info.param.name;
}

const RuleCount& count_of(const Checker& checker, std::string_view rule) {
    return *std::ranges::find(checker.findings().rules, rule, &RuleCount::id);
}

std::vector<Finding> found(const Checker& checker, std::string_view rule) {
    std::vector<Finding> all;
    std::ranges::copy_if(checker.findings().findings, std::back_inserter(all),
                         [&](const Finding& one) { return one.rule == rule; });
    return all;
}

std::vector<Kind> kinds_of(const Finding& finding) {
    std::vector<Kind> kinds;
    for (const Evidence& one : finding.evidence) {
        const auto event = one.event.event();
        kinds.push_back(event ? event->kind() : NST_KIND_end);
    }
    return kinds;
}

testing::AssertionResult holds(Script& script, std::initializer_list<std::string_view> rules) {
    script.audited();
    script.checker.finish();
    for (const Finding& finding : script.checker.findings().findings) {
        return testing::AssertionFailure() << verdict_name(finding.verdict) << " of "
                                           << finding.rule << ": " << finding.because;
    }
    for (const std::string_view rule : rules) {
        if (count_of(script.checker, rule).checked == 0) {
            return testing::AssertionFailure() << rule << " was held against nothing";
        }
    }
    return testing::AssertionSuccess();
}

TEST_P(EachBreach, IsAViolationWithWhatProvesIt) {
    const Breach& breach = GetParam();
    Script s;
    breach.before(s);
    s.audited();
    for (const Finding& finding : s.checker.findings().findings) {
        ADD_FAILURE() << "before the breach: " << finding.rule << ": " << finding.because;
    }
    breach.broken(s);
    EXPECT_TRUE(found(s.checker, breach.rule).empty()) << "a gap may still be on its way";
    s.audited();
    const auto findings = found(s.checker, breach.rule);
    ASSERT_FALSE(findings.empty());
    bool proved = false;
    for (const Finding& finding : findings) {
        EXPECT_EQ(finding.verdict, Verdict::violation) << finding.why_unknown;
        EXPECT_TRUE(finding.why_unknown.empty());
        EXPECT_FALSE(finding.because.empty());
        EXPECT_TRUE(std::ranges::is_sorted(finding.evidence, {}, &Evidence::place));
        proved = proved || kinds_of(finding) == breach.evidence;
    }
    std::string got;
    for (const Kind kind : kinds_of(findings.front())) {
        got += ' ';
        got += kind_name(kind);
    }
    EXPECT_TRUE(proved) << "the evidence:" << got;
    EXPECT_EQ(count_of(s.checker, breach.rule).violations, findings.size());
    EXPECT_GE(count_of(s.checker, breach.rule).checked, findings.size());
}

TEST_P(EachBreach, MayBeExplainedByAGapThatIsToldLater) {
    for (const int marks : {0, 1}) {
        Script s;
        GetParam().before(s);
        GetParam().broken(s);
        if (marks == 1) {
            s.emit(nst_mark{.header = {}, .what = NST_mark_what_audited, .round = 0});
        }
        s.gap(3);
        s.audited();
        EXPECT_TRUE(undecided(s.checker, GetParam(), "3 events were lost")) << marks;
    }
}

TEST_P(EachBreach, IsFinalOnceTwoMarksHaveCome) {
    Script s;
    GetParam().before(s);
    GetParam().broken(s);
    s.audited();
    const auto violations = count_of(s.checker, GetParam().rule).violations;
    s.gap();
    s.checker.finish();
    EXPECT_GT(violations, 0U);
    EXPECT_EQ(count_of(s.checker, GetParam().rule).violations, violations);
    EXPECT_EQ(count_of(s.checker, GetParam().rule).unknown, 0U);
}

TEST_P(EachBreach, IsNoViolationWithAGapInBetween) {
    Script s;
    GetParam().before(s);
    s.gap();
    const Place gap = s.events().size();
    GetParam().broken(s);
    s.audited();
    // What was known before is forgotten; what was told since may still contradict itself.
    for (const Finding& finding : found(s.checker, GetParam().rule)) {
        EXPECT_GT(finding.evidence.front().place, gap) << finding.because;
        EXPECT_TRUE(finding.evidence.size() > 1 || GetParam().alone()) << finding.because;
    }
}

TEST_P(EachBreach, IsUnknownAtTheEndOfTheStream) {
    Script s;
    GetParam().before(s);
    s.audited();
    GetParam().broken(s);
    s.checker.finish();
    EXPECT_TRUE(undecided(s.checker, GetParam(), "the stream ended"));
    EXPECT_FALSE(s.checker.news().empty());
}

TEST_P(EachBreach, IsUnknownWhereMissesAreNotCounted) {
    Script s;
    GetParam().before(s);
    GetParam().broken(s);
    s.audited();
    const Replay again(s.events(), [](nst_session& session) {
        session.uncounted_hooks = bit(NST_HOOK_alloc_pid);
    });
    EXPECT_TRUE(undecided(again.checker, GetParam(), "does not count"));
}

TEST_P(EachBreach, CannotBeSeenWithoutAHook) {
    Script s;
    GetParam().before(s);
    GetParam().broken(s);
    s.audited();
    for (const nst_hook hook : rule_of(GetParam().rule).hooks) {
        const Replay missing(s.events(),
                             [&](nst_session& session) { session.hooks &= ~bit(hook); });
        const Replay silent(s.events(),
                            [&](nst_session& session) { session.silent_hooks = bit(hook); });
        for (const Checker* checker : {&missing.checker, &silent.checker}) {
            const RuleCount& count = count_of(*checker, GetParam().rule);
            EXPECT_TRUE(count.uncheckable) << hook_name(hook);
            EXPECT_EQ(count.checked, 0U) << hook_name(hook);
            EXPECT_TRUE(found(*checker, GetParam().rule).empty()) << hook_name(hook);
        }
    }
    EXPECT_FALSE(count_of(s.checker, GetParam().rule).uncheckable);
}

}  // namespace nstrail::test
