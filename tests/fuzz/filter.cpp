// SPDX-License-Identifier: Apache-2.0
// Any bytes as a filter; what is one is asked of all kinds of lines.
#include "event/filter.hpp"

#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "fuzz/fuzz.hpp"
#include "rules/checker.hpp"
#include "sink/line_facts.hpp"
#include "unit/any_event.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

/// The column that an error names, 0 = none.
std::size_t column_of(const Error& error) {
    constexpr std::string_view start = "filter: column ";
    std::size_t column = 0;
    if (error.what.starts_with(start)) {
        std::from_chars(error.what.data() + start.size(), error.what.data() + error.what.size(),
                        column);
    }
    return column;
}

/// Lines of every kind: with nothing known, with extremes, and with anything.
struct Lines {
    World world;
    Besides besides{world};
    std::vector<EventBuffer> events;
    std::vector<Change> changes;
    Finding finding;
    Remark remark;

    Lines() {
        test::Zeros zeros;
        test::Extremes extremes;
        test::Random random(7);
        for (test::Filler* filler :
             {static_cast<test::Filler*>(&zeros), static_cast<test::Filler*>(&extremes),
              static_cast<test::Filler*>(&random)}) {
            for (EventBuffer& event : test::every_kind(*filler)) {
                events.push_back(std::move(event));
            }
        }
        changes.resize(events.size());
        finding.rule = all_rules()[0]->id;
        finding.comm = "sh";
    }

    template <class F>
    void each(F&& ask) {
        for (std::size_t i = 0; i < events.size(); i++) {
            const auto event = *events[i].event();
            ask(LineFacts(besides, event, changes[i]));
        }
        ask(LineFacts(besides, finding));
        ask(LineFacts(besides, remark));
    }
};

Truth opposite(Truth of) {
    return of == Truth::unknown ? of : of == Truth::yes ? Truth::no : Truth::yes;
}

/// The same by another expression, where that is not too long or too deep.
void expect(const Filter& filter, const std::string& other, bool negated, Lines& lines) {
    const auto second = parse_filter(other);
    if (!second) {
        const std::string why = second.error().why;
        require(why.starts_with("more than ") || why.starts_with("it has "),
                "an expression in parentheses is an expression");
        return;
    }
    lines.each([&](const LineFacts& line) {
        const Truth truth = filter.evaluate(line);
        require(second->evaluate(line) == (negated ? opposite(truth) : truth),
                "an expression means what the same in other words means");
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Lines lines;
    const std::string text(fuzz::as_text(data, size));
    const auto filter = parse_filter(text);
    if (!filter) {
        const Error& error = filter.error();
        require(!error.why.empty() && !error.next.empty(), "a refusal says why, and what to do");
        require(printable(error.line()) == error.line(), "a refusal can be shown");
        const std::size_t column = column_of(error);
        require(column != 0 || text.size() > Filter::longest, "a refusal names a column");
        require(column <= text.size() + 1, "the column lies within the text");
        return 0;
    }
    expect(*filter, fmt::format("({})", text), false, lines);
    expect(*filter, fmt::format("not ({})", text), true, lines);
    expect(*filter, fmt::format("({0}) or ({0})", text), false, lines);
    expect(*filter, fmt::format("({0}) and ({0})", text), false, lines);
    return 0;
}
