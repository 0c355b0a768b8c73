// SPDX-License-Identifier: Apache-2.0
#include "sink/top.hpp"

#include <algorithm>
#include <clocale>
#include <random>

#include <gtest/gtest.h>

#include "sink/columns.hpp"
#include "sink/sample.hpp"

namespace nstrail {
namespace {

/// What is shown and how wide it is depends on the locale.
class TopTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
    void TearDown() override { std::setlocale(LC_CTYPE, "C"); }
};
using Columns = TopTest;
using TopOrder = TopTest;
using TopKnown = TopTest;
using TopScreen = TopTest;

Publication published(const WorldState& state) {
    return {.view = test::view_of(state),
            .source = {},
            .findings = {},
            .notices = {},
            .unready = {},
            .note = {}};
}

std::string text_of(const TopLine& line) {
    std::string text;
    for (const TopSpan& span : line) {
        text += span.text;
    }
    return text;
}

std::string text_of(const Top& top) {
    std::string text;
    for (const TopLine& line : top.lines()) {
        text += text_of(line) + '\n';
    }
    return text;
}

/// The line that is chosen.
std::string chosen(const Top& top) {
    for (const TopLine& line : top.lines()) {
        if (!line.empty() && line.front().style == TopStyle::chosen) {
            return text_of(line);
        }
    }
    return "nothing";
}

bool has(const std::string& text, std::string_view words) {
    return text.find(words) != std::string::npos;
}

/// The place of the words in the text, which must be there.
std::size_t place(const std::string& text, std::string_view words) {
    EXPECT_TRUE(has(text, words)) << words << " is missing in\n" << text;
    return text.find(words);
}

TopRow row(std::uint32_t inum, std::uint32_t parent, std::uint32_t tasks, std::uint32_t zombies) {
    TopRow made;
    made.id = {.inum = inum, .gen = 1};
    made.parent = parent;
    made.tasks = tasks;
    made.zombies = zombies;
    return made;
}

std::vector<std::uint32_t> numbers(const std::vector<TopRow>& rows,
                                   const std::vector<TopPlace>& places) {
    std::vector<std::uint32_t> out;
    out.reserve(places.size());
    for (const TopPlace& one : places) {
        out.push_back(rows[one.row].id.inum);
    }
    return out;
}

using Numbers = std::vector<std::uint32_t>;

TEST_F(Columns, AreCountedAsTheTerminalDoes) {
    EXPECT_EQ(columns("abc"), 3U);
    EXPECT_EQ(columns("é"), 1U);
    EXPECT_EQ(columns("e\u0301"), 1U) << "a combining accent takes none";
    EXPECT_EQ(columns("日本"), 4U);
    EXPECT_EQ(fit("日本", 3), "日 ") << "half a character is none";
    EXPECT_EQ(fit("abcdef", 3), "abc");
    EXPECT_EQ(fit_right("7", 3), "  7");
    EXPECT_EQ(fit("a\x1b[2J\xff", 6), "a?[2J?");
    EXPECT_EQ(fit("abc", 0), "");
}

TEST_F(Columns, WhatTheLocaleCannotPrintIsAQuestionMark) {
    std::setlocale(LC_CTYPE, "C");
    EXPECT_EQ(fit("a日b", 4), "a?b ");
}

TEST_F(Columns, LinesAreBrokenAtBlanks) {
    EXPECT_EQ(wrap("one two three", 8), (std::vector<std::string>{"one two", "three"}));
    EXPECT_EQ(wrap("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
    EXPECT_EQ(wrap("", 3), std::vector<std::string>{});
    EXPECT_EQ(wrap("日本", 1), (std::vector<std::string>{"日", "本"})) << "it comes to an end";
}

TEST_F(TopOrder, SiblingsAreSortedAndStayBelowTheirParents) {
    const std::vector<TopRow> rows{row(1, 0, 9, 0), row(2, 1, 1, 0), row(3, 1, 2, 7),
                                   row(4, 2, 8, 9), row(5, 3, 1, 0), row(6, 3, 3, 1)};
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::tree, false, {})),
              (Numbers{1, 2, 4, 3, 5, 6}));
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::zombies, false, {})),
              (Numbers{1, 3, 6, 5, 2, 4}));
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::zombies, true, {})),
              (Numbers{4, 3, 6, 1, 2, 5}));
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::tasks, true, {})),
              (Numbers{1, 4, 6, 3, 2, 5}));
    const auto places = top_order(rows, TopSort::tree, false, {});
    EXPECT_EQ(places[2].depth, 2U);
    EXPECT_TRUE(places[1].branches);
    EXPECT_FALSE(places[2].branches);
}

TEST_F(TopOrder, WhatIsNotKnownComesLast) {
    std::vector<TopRow> rows{row(1, 0, 1, 0), row(2, 0, 1, 0), row(3, 0, 1, 0)};
    rows[1].age_ns.value = 5;
    rows[2].age_ns.value = 9;
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::age, false, {})), (Numbers{3, 2, 1}));
    rows[0].pids.value = 90;  // of what, nobody knows
    rows[1].pids.value = 10;
    rows[1].pid_limit = 100;
    rows[2].pids.value = 11;
    rows[2].pid_limit = 1000;
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::pids, true, {})), (Numbers{2, 3, 1}));
}

TEST_F(TopOrder, AFoldedRowHidesAllBelowIt) {
    const std::vector<TopRow> rows{row(1, 0, 1, 0), row(2, 1, 1, 0), row(3, 2, 1, 0),
                                   row(4, 1, 1, 0)};
    const auto places = top_order(rows, TopSort::tree, false, {rows[1].id, rows[3].id});
    EXPECT_EQ(numbers(rows, places), (Numbers{1, 2, 4}));
    EXPECT_EQ(places[1].hidden, 1U);
    EXPECT_EQ(places[2].hidden, 0U) << "there is nothing below it";
    EXPECT_EQ(numbers(rows, top_order(rows, TopSort::tree, true, {rows[1].id})),
              (Numbers{1, 2, 3, 4}))
        << "in a list nothing is below anything";
}

TEST_F(TopOrder, OrphansAndLoopsAreShownOnce) {
    const std::vector<TopRow> rows{row(1, 0, 1, 0), row(2, 77, 1, 0), row(3, 4, 1, 0),
                                   row(4, 3, 1, 0), row(5, 5, 1, 0)};
    auto all = numbers(rows, top_order(rows, TopSort::tree, false, {}));
    EXPECT_EQ(all.size(), rows.size());
    std::ranges::sort(all);
    EXPECT_EQ(all, (Numbers{1, 2, 3, 4, 5}));
}

TEST_F(TopKnown, ZombiesAreCountedApartAndUnknownIsNoNumber) {
    const TopState state = top_state(published(test::sample_state()));
    ASSERT_EQ(state.rows.size(), 2U);
    EXPECT_EQ(state.rows[0].id.inum, test::outer);
    EXPECT_EQ(state.rows[0].tasks, 1U);
    EXPECT_EQ(state.rows[0].zombies, 1U);
    EXPECT_EQ(state.zombies, 1U);
    EXPECT_EQ(state.rows[1].reaper, "in\"it??[2J 20");
    EXPECT_EQ(state.rows[0].age_ns.value, 5'000'000'000U)
        << "the initial one is as old as the boot";
    EXPECT_EQ(state.rows[0].pid_limit, std::nullopt);
    EXPECT_EQ(state.lost, 3U);
}

TEST_F(TopKnown, OfPidsWhatIsToldOnlyWhileItIsFresh) {
    WorldState state = test::sample_state();
    state.session.mode = NST_attach_mode_reduced;
    const auto outer = [&] { return top_state(published(state)).rows[0].pids; };
    EXPECT_FALSE(outer().exact) << "no snapshot told";
    EXPECT_EQ(outer().value, 3U) << "three tasks have a number there";
    NsRecord& ns = *state.namespaces.edit(test::outer);
    ns.pids_used_known = true;
    ns.pids_used = 5;
    ns.pids_told_ns = state.now - 1'000'000'000;
    EXPECT_TRUE(outer().exact);
    EXPECT_EQ(outer().value, 5U);
    ns.pids_used = 0;
    EXPECT_EQ(outer().value, 3U) << "tasks were born since";
    EXPECT_FALSE(outer().exact);
    ns.pids_used = 5;
    state.session.mode = NST_attach_mode_full;
    EXPECT_EQ(outer().value, 3U) << "there no other snapshot follows";
    EXPECT_FALSE(outer().exact);
    state.session.mode = NST_attach_mode_reduced;
    ns.pids_told_ns = 0;
    EXPECT_FALSE(outer().exact) << "that was long ago";
    EXPECT_EQ(outer().value, 3U);
}

TEST_F(TopKnown, TheAgeOfWhatIsOlderThanTheTraceIsAtLeastThatOfItsInit) {
    WorldState state = test::sample_state();
    NsRecord& ns = *state.namespaces.edit(test::inner);
    ns.first_seen_ns = 4'000'000'000;
    EXPECT_EQ(top_state(published(state)).rows[1].age_ns.value, 1'000'000'000U);
    EXPECT_TRUE(top_state(published(state)).rows[1].age_ns.exact) << "its birth was seen";
    ns.born = false;
    const AtLeast age = top_state(published(state)).rows[1].age_ns;
    EXPECT_FALSE(age.exact);
    EXPECT_EQ(age.value, 5'000'000'000U - 20'000U) << "its init was born 20 us after the boot";
}

TEST_F(TopKnown, WhatWasNotBornIsOlderThanTheTraceOnlyWhereAllBirthsAreSeen) {
    WorldState state = test::sample_state();
    state.session.mode = NST_attach_mode_full;
    state.account.lost = {};
    NsRecord& ns = *state.namespaces.edit(test::inner);
    const auto said = [&] {
        const View view = test::view_of(state);
        return top_details(view, {.inum = test::inner, .gen = view.ns(test::inner)->gen()}).at(0);
    };
    EXPECT_FALSE(has(said(), "older")) << said();
    ns.born = false;
    EXPECT_TRUE(has(said(), ", older than the trace")) << said();
    state.session.mode = NST_attach_mode_reduced;
    EXPECT_TRUE(has(said(), ", its making was not seen")) << said();
    state.session.mode = NST_attach_mode_full;
    state.account.lost[NST_gap_cause_ring] = 1;
    EXPECT_TRUE(has(said(), ", its making was not seen")) << said();
}

TEST_F(TopKnown, BeforeTheFirstSnapshotNothingIsANumber) {
    WorldState state = test::sample_state();
    state.synchronized = state.certain = false;
    Top top({.name = "live", .recorded = false, .unicode = true});
    top.take(published(state));
    EXPECT_TRUE(top.wanting());
    const std::string text = text_of(top);
    EXPECT_TRUE(has(text, "tasks ?  zombies ?  pid namespaces ?")) << text;
    EXPECT_TRUE(has(text, "the first snapshot is not complete")) << text;
    EXPECT_TRUE(has(text, "NOT CERTAIN")) << text;
    EXPECT_FALSE(has(text, std::to_string(test::outer))) << text;
}

TEST_F(TopScreen, LossIsToldInWordsHoweverSmallItIs) {
    WorldState state = test::sample_state();
    state.certain = false;
    Top top({.name = "live", .recorded = false, .unicode = true});
    top.take(published(state));
    for (const auto& [width, height] :
         {std::pair<std::size_t, std::size_t>{120, 40}, {80, 24}, {80, 12}, {60, 6}, {28, 5}}) {
        top.resize(width, height);
        const std::string text = text_of(top);
        EXPECT_TRUE(has(text, "LOST 3 events, NOT CERTAIN")) << width << '\n' << text;
    }
    state.certain = true;
    state.account.lost = {};
    top.take(published(state));
    top.resize(80, 24);
    EXPECT_TRUE(has(text_of(top), "nothing lost, certain")) << text_of(top);
}

TEST_F(TopScreen, FitsWhateverTheSize) {
    WorldState state = test::sample_state();
    std::uint32_t above = test::inner;
    for (std::uint32_t i = 1; i < 32; i++) {
        test::add_pid_namespace(state, test::inner + i, above, i + 1);
        above = test::inner + i;
    }
    Publication now = published(state);
    now.findings.findings.push_back({.rule = "a_rule",
                                     .verdict = Verdict::violation,
                                     .why_unknown = {},
                                     .comm = {},
                                     .because = "日本日本日本日本日本日本",
                                     .evidence = {}});
    now.note = "日本";
    Top top({.name = "日本", .recorded = true, .unicode = true});
    top.take(now);
    for (const TopKey page : {TopKey::back, TopKey::findings, TopKey::help}) {
        for (std::size_t height = 0; height < 45; height++) {
            for (std::size_t width = 0; width < 130; width += width < 30 ? 1 : 9) {
                top.resize(width, height);
                top.press(TopKey::back);
                top.press(page);
                top.take(now);
                top.press(TopKey::end);
                const auto lines = top.lines();
                ASSERT_EQ(lines.size(), height);
                for (const TopLine& line : lines) {
                    ASSERT_LE(columns(text_of(line)), width) << height << ": " << text_of(line);
                }
            }
        }
    }
}

TEST_F(TopScreen, NothingThatItShowsCanMoveTheCursor) {
    WorldState state = test::sample_state();
    Publication now = published(state);
    now.note = "\x1b[2J";
    Top top({.name = "\x1b]0;x\a", .recorded = false, .unicode = true});
    top.resize(150, 50);
    top.take(now);
    top.press(TopKey::end);
    top.take(now);
    const std::string text = text_of(top);
    EXPECT_TRUE(has(text, "in\"it??[2J 20")) << text;
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\n';
    })) << text;
}

TEST_F(TopScreen, InALocaleWithoutUnicodeAllIsAscii) {
    std::setlocale(LC_CTYPE, "C");
    Publication now = published(test::sample_state());
    now.note = "日本";
    Top top({.name = "日本", .recorded = false, .unicode = false});
    top.resize(100, 30);
    top.take(now);
    const std::string text = text_of(top);
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) {
        return c == '\n' || (c >= ' ' && c <= '~');
    })) << text;
    EXPECT_TRUE(has(text, "-4026531836")) << text;
    EXPECT_TRUE(has(text, ">=")) << text;
}

TEST_F(TopScreen, WhatIsChosenStaysChosenWhereverItGoes) {
    WorldState state = test::sample_state();
    constexpr std::uint32_t other = test::inner + 10;
    test::add_pid_namespace(state, other, test::outer, 1);
    Top top({.name = "live", .recorded = false, .unicode = true});
    top.take(published(state));
    EXPECT_TRUE(has(chosen(top), std::to_string(test::outer)));
    top.press(TopKey::end);
    EXPECT_TRUE(top.wanting()) << "its details";
    top.take(published(state));
    EXPECT_TRUE(has(chosen(top), std::to_string(other)));
    EXPECT_TRUE(has(text_of(top), "pid:[" + std::to_string(other) + "] (gen 1), level 1, empty"))
        << text_of(top);
    test::add_pid_namespace(state, other - 5, test::outer, 1);
    test::add_pid_namespace(state, other + 5, test::outer, 1);
    top.take(published(state));
    EXPECT_TRUE(has(chosen(top), std::to_string(other)));
    top.press(TopKey::by_tasks);
    EXPECT_TRUE(has(chosen(top), std::to_string(test::outer))) << "what sorting puts first";
    top.press(TopKey::down);
    EXPECT_TRUE(has(chosen(top), std::to_string(test::inner))) << "it has a task";
    state.namespaces.edit(test::inner)->gen++;
    top.take(published(state));
    EXPECT_TRUE(has(chosen(top), std::to_string(test::inner))) << "another one in its place";
}

TEST_F(TopScreen, FoldsAndUnfolds) {
    const auto now = published(test::sample_state());
    Top top({.name = "live", .recorded = false, .unicode = true});
    top.take(now);
    top.press(TopKey::fold);
    EXPECT_TRUE(has(text_of(top), "▸4026531836 +1")) << text_of(top);
    EXPECT_FALSE(has(text_of(top), "  4026532200")) << text_of(top);
    top.take(now);
    EXPECT_TRUE(has(text_of(top), "▸4026531836 +1")) << "it stays folded";
    top.press(TopKey::open);
    EXPECT_TRUE(has(text_of(top), "▾4026531836 ")) << text_of(top);
    top.press(TopKey::end);
    top.press(TopKey::fold);
    EXPECT_TRUE(has(chosen(top), "4026532200")) << "there is nothing to fold";
    top.press(TopKey::shut);
    EXPECT_TRUE(has(chosen(top), "4026531836"));
    top.press(TopKey::shut);
    EXPECT_TRUE(has(text_of(top), "▸4026531836 +1")) << text_of(top);
    top.press(TopKey::flat);
    EXPECT_TRUE(has(text_of(top), "4026532200")) << text_of(top);
    EXPECT_TRUE(has(text_of(top), "list, by number")) << text_of(top);
}

TEST_F(TopScreen, FindingsAreToldWithTheirProof) {
    Publication now = published(test::sample_state());
    now.findings.rules.push_back(
        {.id = "a_rule", .checked = 5, .violations = 2, .unknown = 0, .uncheckable = false});
    now.findings.rules.push_back(
        {.id = "b_rule", .checked = 0, .violations = 0, .unknown = 0, .uncheckable = true});
    Finding one;
    one.rule = "a_rule";
    one.verdict = Verdict::violation;
    one.because = "tid 7 was born twice";
    one.at_boot_ns = 1'500'000'000;
    one.count = 2;
    one.last_boot_ns = 2'000'000'000;
    one.evidence.emplace_back();
    now.findings.findings.push_back(one);
    now.findings.left_out = 4;
    Remark remark;
    remark.because = "tid 9 has escaped";
    now.notices.remarks.push_back(remark);
    now.notices.counts[0] = 1;
    Top top({.name = "live", .recorded = false, .unicode = true});
    top.take(now);
    EXPECT_TRUE(has(text_of(top), "2 VIOLATIONS, 0 unknown, 1 notable; 1 rule cannot be checked"))
        << text_of(top);
    top.press(TopKey::findings);
    EXPECT_TRUE(top.wanting());
    top.take(now);
    const std::string text = text_of(top);
    EXPECT_TRUE(
        has(chosen(top), "VIOLATION a_rule at 1.500000: tid 7 was born twice (and 1 more like it"))
        << text;
    EXPECT_TRUE(has(text, "too long ago to be kept")) << text;
    EXPECT_TRUE(has(text, "and 4 that were not kept")) << text;
    EXPECT_LT(place(text, "VIOLATION a_rule"), place(text, "notable escape"));
    top.press(TopKey::down);
    EXPECT_TRUE(has(chosen(top), "tid 9 has escaped"));
    top.press(TopKey::back);
    EXPECT_TRUE(has(chosen(top), "4026531836"));
}

TEST_F(TopScreen, OfManyOnlyThoseAroundTheChosenAreShown) {
    WorldState state = test::sample_state();
    constexpr std::uint32_t many = 10'000;
    for (std::uint32_t i = 1; i <= many; i++) {
        test::add_pid_namespace(state, test::inner + i, test::outer, 1);
    }
    Top top({.name = "live", .recorded = false, .unicode = true});
    top.resize(100, 40);
    top.take(published(state));
    EXPECT_TRUE(has(text_of(top), "10002 pid namespaces of 10002 namespaces")) << text_of(top);
    top.press(TopKey::end);
    EXPECT_TRUE(has(chosen(top), std::to_string(test::inner + many)));
    EXPECT_FALSE(has(text_of(top), std::to_string(test::inner + (many / 2))));
    top.press(TopKey::page_up);
    top.press(TopKey::page_up);
    const std::string middle = chosen(top);
    EXPECT_FALSE(has(middle, std::to_string(test::inner + many))) << middle;
    EXPECT_NE(middle, "nothing");
    top.press(TopKey::home);
    EXPECT_TRUE(has(chosen(top), std::to_string(test::outer)));
}

TEST_F(TopScreen, AnyKeysInAnyOrderLeaveSomethingToSee) {
    WorldState state = test::sample_state();
    for (std::uint32_t i = 1; i < 50; i++) {
        test::add_pid_namespace(state, test::inner + i, test::inner + (i / 2), 2);
    }
    std::mt19937 random(7);
    Top top({.name = "live", .recorded = false, .unicode = true});
    for (int i = 0; i < 20'000; i++) {
        top.press(static_cast<TopKey>(random() % (static_cast<unsigned>(TopKey::back) + 1)));
        if (random() % 8 == 0) {
            top.resize(random() % 100, random() % 40);
        }
        if (random() % 16 == 0) {
            top.take(published(state));
        }
        ASSERT_LE(top.lines().size(), 40U);
    }
    top.press(TopKey::back);
    top.resize(80, 24);
    top.take(published(state));
    EXPECT_NE(chosen(top), "nothing");
}

}  // namespace
}  // namespace nstrail
