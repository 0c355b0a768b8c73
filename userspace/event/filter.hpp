// SPDX-License-Identifier: Apache-2.0
// The filter language: which lines of a stream are wanted. See docs/FILTER.md.
//
// An expression is checked and compiled once, then asked of each line. The logic has three values,
// as in SQL: what is not known is neither equal to anything nor different from it, and only what is
// surely so is wanted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "event/event.hpp"

namespace nstrail {

/// What can be asked beyond the fields of events.
enum class FilterField : std::uint8_t {
#define FILTER_FIELD(name, type, help) name,
#include "event/filter_fields.def"
    end
};

/// Kinds of lines that are no events, as numbers beyond those of events.
inline constexpr std::uint32_t filter_kind_finding = NST_KIND_end + 1;
inline constexpr std::uint32_t filter_kind_notable = NST_KIND_end + 2;

/// Ordered, so that `and` is the least and `or` the greatest of two.
enum class Truth : std::uint8_t { no, unknown, yes };

/// The numbers that a line has for a field: none known, one, or several, any of which may be meant.
class FilterNumbers {
public:
    void add(std::uint64_t number) {
        if (count_ < all_.size()) {
            all_[count_++] = number;
        } else {
            incomplete = true;
        }
    }
    /// 0 = not known: not added.
    void add_known(std::uint64_t number) {
        if (number != 0) {
            add(number);
        }
    }
    [[nodiscard]] std::span<const std::uint64_t> all() const { return {all_.data(), count_}; }

    bool incomplete = false;  ///< there is one more, which is not known

private:
    std::array<std::uint64_t, 40> all_;
    std::size_t count_ = 0;
};

struct FilterText {
    Truth there = Truth::unknown;  ///< no = known to be none
    std::string_view text;         ///< where there is one
};

/// A line as a filter sees it. Answers are valid until the line changes.
class FilterFacts {
public:
    FilterFacts() = default;
    FilterFacts(const FilterFacts&) = delete;
    FilterFacts& operator=(const FilterFacts&) = delete;
    virtual ~FilterFacts() = default;

    /// The event, whose own fields can be asked too; null if the line is none.
    [[nodiscard]] virtual const Event* event() const = 0;
    /// Its Kind, or one of filter_kind_*.
    [[nodiscard]] virtual std::uint32_t kind() const = 0;
    /// Of a field of type NUMBER or NAMESPACE.
    virtual void numbers(FilterField field, FilterNumbers& to) const = 0;
    /// Of a field of type TEXT, MAYBE or WORD.
    [[nodiscard]] virtual FilterText text(FilterField field) const = 0;
};

/// The closed sets of the fields of type WORD.
struct FilterWords {
    std::span<const std::string_view> findings;
    std::span<const std::string_view> notables;
};

/// A compiled expression. Immutable; any number of threads may ask it at once. A copy is cheap.
class Filter {
public:
    static constexpr std::size_t longest = 4096;  ///< bytes of an expression
    static constexpr std::size_t deepest = 32;    ///< parentheses and nots within one another
    static constexpr std::size_t most_values = 256;

    /// Fails with the column (counted in characters, from 1), what is wrong there, and what to
    /// write instead. Any bytes will do; bounded work.
    [[nodiscard]] static Result<Filter> parse(std::string_view text, const FilterWords& words);

    /// Whether the line is what was asked for. Allocates nothing itself; the work is bounded by the
    /// length of the expression.
    [[nodiscard]] Truth evaluate(const FilterFacts& line) const;
    [[nodiscard]] bool matches(const FilterFacts& line) const {
        return evaluate(line) == Truth::yes;
    }

    /// Inside of event/ only.
    struct Program;
    explicit Filter(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

private:
    std::shared_ptr<const Program> program_;
};

/// The tables of docs/FILTER.md, from the declarations.
[[nodiscard]] std::string filter_markdown();

}  // namespace nstrail
