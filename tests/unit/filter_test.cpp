// SPDX-License-Identifier: Apache-2.0
// The filter language: what an expression means, and what is said of one that means nothing.
#include "event/filter.hpp"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "event/filter_program.hpp"
#include "unit/any_event.hpp"

namespace nstrail::test {
namespace {

constexpr std::string_view rules[] = {"PID1", "NSP1"};
constexpr std::string_view notables[] = {"escape", "stuck"};

Result<Filter> parse(std::string_view text) {
    return Filter::parse(text, {.findings = rules, .notables = notables});
}

/// A line that says what it is told to.
class Line : public FilterFacts {
public:
    std::map<FilterField, std::vector<std::uint64_t>> known;
    std::map<FilterField, FilterText> texts;
    bool incomplete = false;
    std::uint32_t its_kind = NST_KIND_task_exec;
    const Event* its_event = nullptr;

    [[nodiscard]] const Event* event() const override { return its_event; }
    [[nodiscard]] std::uint32_t kind() const override { return its_kind; }
    void numbers(FilterField field, FilterNumbers& to) const override {
        if (const auto at = known.find(field); at != known.end()) {
            for (const std::uint64_t number : at->second) {
                to.add(number);
            }
        }
        to.incomplete = incomplete;
    }
    [[nodiscard]] FilterText text(FilterField field) const override {
        const auto at = texts.find(field);
        return at == texts.end() ? FilterText{} : at->second;
    }
};

Truth ask(const FilterFacts& line, const std::string& expression) {
    const auto filter = parse(expression);
    EXPECT_TRUE(filter) << expression << "\n" << filter.error().line();
    return filter ? filter->evaluate(line) : Truth::unknown;
}

void expect_all(const FilterFacts& line, Truth truth, const std::vector<std::string>& all) {
    for (const std::string& expression : all) {
        EXPECT_EQ(ask(line, expression), truth) << expression;
    }
}

class Sample final : public Line {
public:
    Sample() {
        known[FilterField::tid] = {812};
        known[FilterField::net] = {4026531840};
        texts[FilterField::comm] = {.there = Truth::yes, .text = "nginx: worker"};
        texts[FilterField::container] = {.there = Truth::no, .text = {}};
        texts[FilterField::finding] = {.there = Truth::no, .text = {}};
    }
};

TEST(Filter, Comparisons) {
    const Sample line;
    expect_all(line, Truth::yes,
               {"tid=812",
                "tid == 812",
                "tid=0x32c",
                "tid!=811",
                "tid<813",
                "tid<=812",
                "tid>811",
                "tid>=812",
                "tid>-1",
                "tid in (1, 812)",
                "tid in(812)",
                "tid not in (1,2)",
                "net=4026531840",
                "net=net:[4026531840]",
                "net!=1",
                "kind=task_exec",
                "kind != task_new",
                "kind ~ task_*",
                "kind in (task_new,task_exec)",
                "comm='nginx: worker'",
                R"(comm="nginx: worker")",
                R"(comm="nginx\: worker")",
                "comm ~ nginx*",
                "comm ~ *work*",
                "comm~'nginx?*'",
                "comm !~ nginx",
                "comm != nginx",
                "comm in (sh, 'nginx: worker')",
                "container != web",
                "not container",
                "container = null",
                "comm != null",
                "finding != PID1",
                "not finding=any"});
    expect_all(line, Truth::no,
               {"tid=811", "tid!=812", "tid<812", "tid>812", "tid in (1,2)", "tid not in (812)",
                "net=1", "kind=task_new", "comm=nginx", "comm ~ nginx", "comm ~ *worke",
                "comm !~ nginx*", "container", "container=web", "container ~ *", "finding",
                "finding=PID1", "comm=null", "kind=finding"});
}

TEST(Filter, WhatIsNotKnownIsNeitherEqualNorDifferent) {
    const Sample line;
    expect_all(line, Truth::unknown,
               {"tgid=1", "tgid!=1", "tgid<1", "tgid>=0", "tgid in (1,2)", "tgid not in (1,2)",
                "pid=4026531836", "pid!=4026531836", "exe=x", "exe!=x", "exe~*", "exe!~x", "pod",
                "not pod", "exit_code=0"});
    expect_all(line, Truth::yes, {"tgid=null", "exe=null", "pod=null", "exit_code=null"});
    expect_all(line, Truth::no, {"tgid!=null", "not tgid=null", "exe!=null"});
}

TEST(Filter, LogicHasThreeValues) {
    const Sample line;
    const std::string values[] = {"tid=1", "tgid=1", "tid=812"};  // no, unknown, yes
    for (int a = 0; a < 3; a++) {
        EXPECT_EQ(ask(line, "not " + values[a]), static_cast<Truth>(2 - a));
        EXPECT_EQ(ask(line, "!!" + values[a]), static_cast<Truth>(a));
        for (int b = 0; b < 3; b++) {
            EXPECT_EQ(ask(line, values[a] + " and " + values[b]),
                      static_cast<Truth>(std::min(a, b)));
            EXPECT_EQ(ask(line, values[a] + "||" + values[b]), static_cast<Truth>(std::max(a, b)));
            for (int c = 0; c < 3; c++) {
                EXPECT_EQ(ask(line, values[a] + " or " + values[b] + " and " + values[c]),
                          static_cast<Truth>(std::max(a, std::min(b, c))));
                EXPECT_EQ(ask(line, "(" + values[a] + " or " + values[b] + ")&&" + values[c]),
                          static_cast<Truth>(std::min(std::max(a, b), c)));
                EXPECT_EQ(ask(line, "not " + values[a] + " and not(" + values[b] + " or " +
                                        values[c] + ")"),
                          static_cast<Truth>(std::min(2 - a, 2 - std::max(b, c))));
            }
        }
    }
}

TEST(Filter, SeveralNumbersMayEachBeMeant) {
    Line line;
    line.known[FilterField::net] = {5, 6};
    expect_all(line, Truth::yes, {"net=5", "net=6", "net in (1,6)", "net!=7"});
    expect_all(line, Truth::no, {"net=7", "net!=5", "net not in (6)"});
    line.incomplete = true;  // and one that nobody knows
    expect_all(line, Truth::yes, {"net=5", "net!=null"});
    expect_all(line, Truth::unknown, {"net=7", "net!=7"});
    expect_all(line, Truth::no, {"net!=6"});
}

TEST(Filter, FieldsOfTheEventsThemselves) {
    nst_task_exit exit{};
    exit.header.kind = NST_KIND_task_exit;
    exit.exit_code = -3;
    exit.exit_signal = 17;
    const EventBuffer buffer = EventBuffer::make(exit);
    const Event event = *buffer.event();
    Line line;
    line.its_event = &event;
    expect_all(line, Truth::yes,
               {"exit_code=-3", "exit_code<0", "exit_code>-4", "exit_code != 3", "exit_signal=0x11",
                "heir=null", "last=0", "set_tid_size=null", "filename=null"});
    expect_all(line, Truth::unknown,
               {"heir=1", "heir!=1", "set_tid_size=0", "error=EAGAIN", "via!=exit", "filename~*"});

    nst_alloc_pid alloc{};
    alloc.header.kind = NST_KIND_alloc_pid;
    alloc.error = -11;
    const EventBuffer failed = EventBuffer::make(alloc);
    const Event failure = *failed.event();
    line.its_event = &failure;
    expect_all(line, Truth::yes,
               {"error=EAGAIN", "error=-11", "error!=0", "error<0", "error in (EPERM, EAGAIN)"});
    expect_all(line, Truth::no, {"error=ENOMEM", "error=0"});

    nst_ns_switch change{};
    change.header.kind = NST_KIND_ns_switch;
    change.via = NST_switch_via_exec;
    const EventBuffer switched = EventBuffer::make(change);
    const Event switching = *switched.event();
    line.its_event = &switching;
    expect_all(line, Truth::yes, {"via=exec", "via!=exit", "via in (exec, loop)", "via~ex*"});
    expect_all(line, Truth::no, {"via=resync"});
}

TEST(Filter, FaultsNameTheirColumn) {
    const std::pair<const char*, const char*> faults[] = {
        {"comm=sh and pidd=1", "filter: column 13: unknown field \"pidd\"; did you mean \"pid\"?"},
        {"", "filter: column 1: there is no expression"},
        {"  ", "filter: column 1: there is no expression"},
        {"comm", "filter: column 5: expected a comparison of \"comm\", found the end"},
        {"comm=", "filter: column 6: expected a value, found the end"},
        {"comm= and tid=1", "filter: column 7: expected a value, found \"and\""},
        {"tid=1 tid=2", "filter: column 7: expected \"and\" or \"or\", found \"tid\""},
        {"(tid=1", "filter: column 7: expected ), found the end"},
        {"tid=1)", "filter: column 6: expected \"and\" or \"or\", found \")\""},
        {"tid=1 and", "filter: column 10: expected a field, found the end"},
        {"tid=1 & tid=2", "filter: column 7: a single \"&\"; write \"and\" or \"or\""},
        {"tid=x", "filter: column 5: \"x\" is no number"},
        {"tid=99999999999999999999", "filter: column 5: "},
        {"tid~8*", "filter: column 4: \"tid\" has numbers, which ~ does not match"},
        {"comm<x", "filter: column 5: \"comm\" is text, which has no order"},
        {"pid<5", "filter: column 4: \"pid\" is a namespace, which has no order"},
        {"pid=0", "filter: column 5: \"0\" is no pid namespace"},
        {"pid=net:[5]", "filter: column 5: \"net:[5]\" is no pid namespace"},
        {"kind=task_exut",
         "filter: column 6: \"task_exut\" is no kind; did you mean \"task_exit\"?"},
        {"finding=PID9", "filter: column 9: \"PID9\" is no finding; did you mean \"PID1\"?"},
        {"notable=odd", "filter: column 9: \"odd\" is no notable"},
        {"via=teleport", "filter: column 5: \"teleport\" is no via"},
        {"comm='sh", "filter: column 6: the quote is not closed"},
        {"comm=é and tidd=1", "filter: column 12: unknown field \"tidd\"; did you mean \"tid\"?"},
        {"tid in 5", "filter: column 8: expected ( after in, found \"5\""},
        {"tid in (5", "filter: column 10: expected , or ) in a list, found the end"},
        {"tid in ()", "filter: column 9: expected a value, found \")\""},
        {"tid in (null)", "filter: column 9: null cannot be compared so"},
        {"tid<null", "filter: column 5: null cannot be compared so"},
        {"tid not 5", "filter: column 9: expected in after not"},
        {"=5", "filter: column 1: expected a field, found \"=\""},
        {"ac\x1b[2J=1", "filter: column 1: unknown field \"ac?[2J\""},
    };
    for (const auto& [text, start] : faults) {
        const auto filter = parse(text);
        ASSERT_FALSE(filter) << text;
        EXPECT_TRUE(filter.error().line().starts_with(start)) << text << "\n"
                                                              << filter.error().line();
        EXPECT_FALSE(filter.error().next.empty()) << text;
        EXPECT_EQ(filter.error().line().find('\n'), std::string::npos) << text;
    }
}

TEST(Filter, IsBounded) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '(') + "tid=1" + std::string(depth, ')');
    };
    EXPECT_TRUE(parse(nested(Filter::deepest)));
    EXPECT_FALSE(parse(nested(Filter::deepest + 1)));
    EXPECT_TRUE(parse(std::string(Filter::deepest, '!') + "tid=1"));
    const auto deep = parse(std::string(2000, '!') + "tid=1");
    ASSERT_FALSE(deep);
    EXPECT_TRUE(deep.error().line().starts_with("filter: column 33: more than 32 within"));
    EXPECT_FALSE(parse("tid=" + std::string(Filter::longest, '1')));
    std::string many = "tid=1";
    for (std::size_t i = 1; i < Filter::most_values; i++) {
        many += " or tid=1";
    }
    EXPECT_TRUE(parse(many));
    EXPECT_FALSE(parse(many + " or tid=1"));
    std::string list = "tid in (1";
    for (std::size_t i = 1; i < Filter::most_values; i++) {
        list += ",1";
    }
    EXPECT_TRUE(parse(list + ")"));
    EXPECT_FALSE(parse(list + ",1)"));
    // The deepest that an evaluation can get: everything waits for its right side.
    std::string right;
    for (std::size_t i = 0; i < Filter::deepest; i++) {
        right += "tid=1 or tid=812 and (";
    }
    EXPECT_EQ(ask(Sample(), right + "tid=812" + std::string(Filter::deepest, ')')), Truth::yes);
}

TEST(Glob, AgainstTextsOfAllKinds) {
    const std::tuple<const char*, const char*, bool> cases[] = {
        {"", "", true},           {"", "a", false},         {"*", "", true},
        {"*", "abc", true},       {"a*", "abc", true},      {"*c", "abc", true},
        {"a*c", "abc", true},     {"a*b", "abc", false},    {"a?c", "abc", true},
        {"?", "", false},         {"*a*b*", "xaxbx", true}, {"*ab*ab", "abab", true},
        {"*ab*ab", "aab", false}, {"**?", "a", true},       {"a", "A", false}};
    for (const auto& [pattern, text, expected] : cases) {
        EXPECT_EQ(glob_matches(pattern, text), expected) << pattern << " " << text;
    }
    // Not exponential.
    std::string pattern;
    for (int i = 0; i < 500; i++) {
        pattern += "*a";
    }
    EXPECT_FALSE(glob_matches(pattern + "b", std::string(4000, 'a')));
}

TEST(FilterProperty, AnyBytesAreAnExpressionOrAFaultAtOne) {
    std::mt19937 random(11);
    const std::string_view pieces[] = {
        "comm", "tid", "pid", "kind", "net", "finding", "container", "=",        "!=", "<",
        ">=",   "~",   "!~",  "in",   "(",   ")",       ",",         "and",      "or", "not",
        "&&",   "||",  "!",   "null", "any", "5",       "sh",        "'a b'",    "\"", "*x?",
        " ",    " ",   "é",   "\xff", "\\",  "0x",      "-",         "task_exec"};
    Extremes extremes;
    const auto events = every_kind(extremes);
    Sample line;
    for (int round = 0; round < 20'000; round++) {
        std::string text;
        for (auto n = random() % 24; n > 0; n--) {
            if (round % 4 == 0) {
                text += static_cast<char>(random());
            } else {
                text += pieces[random() % std::size(pieces)];
                text += random() % 3 == 0 ? "" : " ";
            }
        }
        const auto filter = parse(text);
        if (!filter) {
            EXPECT_TRUE(filter.error().what.starts_with("filter: column ")) << text;
            EXPECT_EQ(filter.error().line().find('\n'), std::string::npos);
            continue;
        }
        const Event event = *events[random() % events.size()].event();
        line.its_event = &event;
        line.its_kind = event.kind();
        const Truth once = filter->evaluate(line);
        // Parentheses around the whole and two nots change nothing.
        const auto again = parse("!!(" + text + ")");
        if (again) {
            EXPECT_EQ(again->evaluate(line), once) << text;
        }
    }
}

TEST(FilterProperty, EveryFieldOfEveryEventCanBeAsked) {
    Extremes extremes;
    Zeros zeros;
    for (Filler* filler : {static_cast<Filler*>(&extremes), static_cast<Filler*>(&zeros)}) {
        for (const EventBuffer& buffer : every_kind(*filler)) {
            const Event event = *buffer.event();
            Line line;
            line.its_event = &event;
            for (const std::string_view name : filter_field_names()) {
                const Truth null = ask(line, std::string(name) + "=null");
                EXPECT_NE(null, Truth::unknown) << name;
                EXPECT_EQ(ask(line, std::string(name) + "!=null"),
                          null == Truth::yes ? Truth::no : Truth::yes);
            }
        }
    }
}

}  // namespace
}  // namespace nstrail::test
