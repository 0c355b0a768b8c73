// SPDX-License-Identifier: Apache-2.0
// What a filter compiles to, and the fields it may name. Inside of event/ only.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/filter.hpp"
#include "event/reflect.hpp"

namespace nstrail {

enum class FilterType : std::uint8_t { KIND, NUMBER, NAMESPACE, TEXT, MAYBE, WORD };

/// Where the fixed part of an event of some kind has a field; size 0 = it has no such field.
struct FieldPlace {
    std::uint16_t offset = 0;
    std::uint16_t size = 0;
    bool is_signed = false;
    bool is_text = false;
    Format format = Format::NUMBER;
};
using FieldPlaces = std::array<FieldPlace, NST_KIND_end>;

/// A field by its name: one of filter_fields.def, else one of events.
struct NamedField {
    std::string_view name;
    FilterField known = FilterField::end;  ///< end = of events: see places
    FilterType type = FilterType::NUMBER;
    bool is_error = false;  ///< of events: an errno
    bool is_word = false;   ///< of events: values of enumerations
    FieldPlaces places{};

    /// The values of its enumerations.
    [[nodiscard]] std::vector<std::string_view> words() const;
};
[[nodiscard]] std::optional<NamedField> find_filter_field(std::string_view name);
/// All names that find_filter_field() knows.
[[nodiscard]] std::vector<std::string_view> filter_field_names();

/// Names of kinds, of events and others.
[[nodiscard]] std::string_view filter_kind_name(std::uint32_t kind);
[[nodiscard]] std::vector<std::string_view> filter_kinds();

struct FilterNumber {
    bool negative = false;
    std::uint64_t magnitude = 0;
    [[nodiscard]] bool operator==(const FilterNumber&) const = default;
    [[nodiscard]] std::strong_ordering operator<=>(const FilterNumber& other) const {
        if (negative != other.negative) {
            return negative ? std::strong_ordering::less : std::strong_ordering::greater;
        }
        return negative ? other.magnitude <=> magnitude : magnitude <=> other.magnitude;
    }
};

/// `*` is any text, `?` any one byte; the pattern is of the whole text. Time at most the product of
/// the lengths.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

/// Postfix, with jumps over what cannot change the outcome any more. Different and not-in are
/// `equal` and a negation.
struct Filter::Program {
    enum class Op : std::uint8_t {
        equal,  ///< to one of the values
        less,
        less_equal,
        greater,
        greater_equal,
        like,   ///< text that matches a pattern
        there,  ///< there is one
        null,   ///< none is known, or there is none; always known itself
        negate,
        conjoin,
        disjoin,
        jump_if_no,   ///< to `first`, leaving the value
        jump_if_yes,  ///< to `first`, leaving the value
    };
    struct Step {
        Op op = Op::equal;
        std::uint16_t field = 0;  ///< of a test
        std::uint16_t first = 0;  ///< of its values: in numbers, or texts if the field has text
        std::uint16_t count = 0;
    };
    std::vector<NamedField> fields;
    std::vector<FilterNumber> numbers;
    std::vector<std::string> texts;
    std::vector<Step> steps;

    [[nodiscard]] Truth test(const Step& step, const FilterFacts& line) const;

private:
    [[nodiscard]] Truth test_number(const Step& step, const FilterNumber& number) const;
    [[nodiscard]] Truth test_text(const Step& step, const FilterText& text) const;
    [[nodiscard]] Truth test_own(const Step& step, const NamedField& field,
                                 const Event& event) const;
};

}  // namespace nstrail
