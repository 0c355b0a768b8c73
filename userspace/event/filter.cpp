// SPDX-License-Identifier: Apache-2.0
#include "event/filter.hpp"

#include <algorithm>

#include "event/filter_program.hpp"

namespace nstrail {

namespace {

using Op = Filter::Program::Op;

constexpr Truth truth(bool so) {
    return so ? Truth::yes : Truth::no;
}

constexpr Truth negation(Truth of) {
    return static_cast<Truth>(2 - static_cast<int>(of));
}

FilterNumber read_number(const FieldPlace& place, const std::byte* from) {
    if (place.size == sizeof(std::uint64_t)) {
        std::uint64_t wide = 0;
        std::memcpy(&wide, from, sizeof(wide));
        return {.magnitude = wide};
    }
    std::uint32_t narrow = 0;
    std::memcpy(&narrow, from, sizeof(narrow));
    const auto as_signed = static_cast<std::int32_t>(narrow);
    if (place.is_signed && as_signed < 0) {
        return {.negative = true,
                .magnitude = static_cast<std::uint64_t>(-static_cast<std::int64_t>(as_signed))};
    }
    return {.magnitude = narrow};
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
    // Only the latest star need ever be tried again: what an earlier one could still take, it can.
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_took = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_took = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            p++;
            t++;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++star_took;
        } else {
            return false;
        }
    }
    return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

Truth Filter::Program::test_number(const Step& step, const FilterNumber& number) const {
    switch (step.op) {
        case Op::less:
            return truth(number < numbers[step.first]);
        case Op::less_equal:
            return truth(number <= numbers[step.first]);
        case Op::greater:
            return truth(number > numbers[step.first]);
        case Op::greater_equal:
            return truth(number >= numbers[step.first]);
        default:
            break;
    }
    const auto values = std::span(numbers).subspan(step.first, step.count);
    return truth(std::ranges::find(values, number) != values.end());
}

Truth Filter::Program::test_text(const Step& step, const FilterText& text) const {
    if (step.op == Op::null) {
        return truth(text.there != Truth::yes);
    }
    if (step.op == Op::there || text.there != Truth::yes) {
        return text.there;
    }
    if (step.op == Op::like) {
        return truth(glob_matches(texts[step.first], text.text));
    }
    const auto values = std::span(texts).subspan(step.first, step.count);
    return truth(std::ranges::find(values, text.text) != values.end());
}

/// A field of the event itself.
Truth Filter::Program::test_own(const Step& step, const NamedField& field,
                                const Event& event) const {
    const FieldPlace& place = field.places[event.kind()];
    const std::byte* from = event.bytes().data() + place.offset;
    if (place.is_text) {
        const auto text = text_of(reinterpret_cast<const char*>(from), place.size);
        return test_text(step, {.there = text.empty() ? Truth::unknown : Truth::yes, .text = text});
    }
    if (place.size == 0) {
        return step.op == Op::null ? Truth::yes : Truth::unknown;
    }
    const FilterNumber number = read_number(place, from);
    const bool zero_is_unknown = place.format == Format::ID || place.format == Format::INUM;
    if (field.is_word) {
        const auto word = enum_name(place.format, number.magnitude);
        return test_text(step, {.there = word.empty() ? Truth::unknown : Truth::yes, .text = word});
    }
    const bool known = !zero_is_unknown || number.magnitude != 0;
    if (step.op == Op::null) {
        return truth(!known);
    }
    return known ? test_number(step, number) : Truth::unknown;
}

Truth Filter::Program::test(const Step& step, const FilterFacts& line) const {
    const NamedField& field = fields[step.field];
    if (field.known == FilterField::end) {
        if (line.event() != nullptr) {
            return test_own(step, field, *line.event());
        }
        return step.op == Op::null ? Truth::yes : Truth::unknown;
    }
    switch (field.type) {
        case FilterType::KIND:
            return test_text(step, {.there = Truth::yes, .text = filter_kind_name(line.kind())});
        case FilterType::TEXT:
        case FilterType::MAYBE:
        case FilterType::WORD:
            return test_text(step, line.text(field.known));
        case FilterType::NUMBER:
        case FilterType::NAMESPACE:
            break;
    }
    FilterNumbers found;
    line.numbers(field.known, found);
    if (step.op == Op::null) {
        return truth(found.all().empty());
    }
    for (const std::uint64_t number : found.all()) {
        if (test_number(step, {.magnitude = number}) == Truth::yes) {
            return Truth::yes;
        }
    }
    return found.incomplete || found.all().empty() ? Truth::unknown : Truth::no;
}

Truth Filter::evaluate(const FilterFacts& line) const {
    // A left operand waits for its right one, and only parentheses and precedence put another
    // there.
    std::array<Truth, 2 * deepest + 4> stack{};
    std::size_t top = 0;
    const auto& steps = program_->steps;
    for (std::size_t at = 0; at < steps.size(); at++) {
        const Program::Step& step = steps[at];
        switch (step.op) {
            case Op::negate:
                stack[top - 1] = negation(stack[top - 1]);
                break;
            case Op::conjoin:
                top--;
                stack[top - 1] = std::min(stack[top - 1], stack[top]);
                break;
            case Op::disjoin:
                top--;
                stack[top - 1] = std::max(stack[top - 1], stack[top]);
                break;
            case Op::jump_if_no:
            case Op::jump_if_yes:
                if (stack[top - 1] == truth(step.op == Op::jump_if_yes)) {
                    at = step.first - 1U;
                }
                break;
            default:
                stack[top++] = program_->test(step, line);
                break;
        }
    }
    return stack[0];
}

}  // namespace nstrail
