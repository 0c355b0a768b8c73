// SPDX-License-Identifier: Apache-2.0
// Text to program: a lexer, and one function for each line of the grammar in docs/FILTER.md.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "event/filter_program.hpp"

namespace nstrail {

namespace {

using Op = Filter::Program::Op;

enum class Symbol : std::uint8_t {
    word,
    quoted,
    equal,
    different,
    less,
    less_equal,
    greater,
    greater_equal,
    like,
    unlike,
    open,
    close,
    comma,
    conjunction,
    disjunction,
    negation,
    end
};

struct Token {
    Symbol symbol = Symbol::end;
    std::size_t at = 0;    ///< bytes ahead of it
    std::string text;      ///< of a word; of a quoted one without its quotes
    std::string_view raw;  ///< as it was written
};

constexpr std::pair<std::string_view, Symbol> marks[] = {
    {"&&", Symbol::conjunction}, {"||", Symbol::disjunction}, {"!=", Symbol::different},
    {"!~", Symbol::unlike},      {"<=", Symbol::less_equal},  {">=", Symbol::greater_equal},
    {"==", Symbol::equal},       {"=", Symbol::equal},        {"<", Symbol::less},
    {">", Symbol::greater},      {"~", Symbol::like},         {"(", Symbol::open},
    {")", Symbol::close},        {",", Symbol::comma},        {"!", Symbol::negation}};

constexpr std::string_view reserved[] = {"and", "or", "not", "in"};

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_word(char c) {
    constexpr std::string_view others = "()=,!<>~&|\"'";
    return !is_space(c) && others.find(c) == std::string_view::npos;
}

bool is_reserved(const Token& token) {
    return token.symbol == Symbol::word &&
           std::ranges::find(reserved, token.text) != std::end(reserved);
}

/// How many characters have to be put in, left out or replaced to make one of the other.
std::size_t distance(std::string_view from, std::string_view other) {
    std::vector<std::size_t> row;
    row.reserve(other.size() + 1);
    for (std::size_t j = 0; j <= other.size(); j++) {
        row.push_back(j);
    }
    for (std::size_t i = 0; i < from.size(); i++) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < other.size(); j++) {
            const std::size_t replaced = diagonal + (from[i] == other[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
        }
    }
    return row.back();
}

std::string quoted(std::string_view text) {
    constexpr std::size_t enough = 40;
    return fmt::format("\"{}{}\"", printable(text.substr(0, enough)),
                       text.size() > enough ? "..." : "");
}

/// The one that may have been meant, else `otherwise`.
std::string guess(std::string_view word, std::span<const std::string_view> all,
                  std::string otherwise) {
    std::string_view best;
    std::size_t best_distance = std::min<std::size_t>(2, word.size() / 2) + 1;
    for (const std::string_view one : all) {
        if (word.size() < 32 && distance(word, one) < best_distance) {
            best = one;
            best_distance = distance(word, one);
        }
    }
    return best.empty() ? std::move(otherwise) : fmt::format("did you mean \"{}\"?", best);
}

class FilterParser {
public:
    FilterParser(std::string_view text, const FilterWords& words) : text_(text), words_(words) {}

    [[nodiscard]] Result<Filter::Program> parse() {
        if (text_.size() > Filter::longest) {
            return std::unexpected(Error{.what = "filter",
                                         .why = fmt::format("it has {} bytes, and may have {}",
                                                            text_.size(), Filter::longest),
                                         .next = "shorten it, e.g. with in (A, B) or ~"});
        }
        advance();
        if (!failed() && token_.symbol == Symbol::end) {
            fault(0, "there is no expression", "write one, e.g. comm=sh and kind=task_exec");
        }
        disjunction();
        if (!failed() && token_.symbol != Symbol::end) {
            fault(token_.at, "expected \"and\" or \"or\", found " + quoted(token_.raw),
                  token_.symbol == Symbol::close ? "there is no ( that it closes"
                                                 : "join two comparisons with one of them");
        }
        if (error_) {
            return std::unexpected(*error_);
        }
        return std::move(program_);
    }

private:
    using Step = Filter::Program::Step;

    [[nodiscard]] bool failed() const { return error_.has_value(); }

    /// The first fault is told; from then on nothing more is read.
    void fault(std::size_t at, std::string why, std::string next) {
        if (failed()) {
            return;
        }
        // Columns are counted in characters: continuation bytes of UTF-8 are none.
        const auto column =
            std::ranges::count_if(
                text_.substr(0, at),
                [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }) +
            1;
        error_ = {.what = fmt::format("filter: column {}", column),
                  .why = std::move(why),
                  .next = std::move(next)};
    }

    void advance() {
        while (next_ < text_.size() && is_space(text_[next_])) {
            next_++;
        }
        token_ = {.at = next_, .text = {}, .raw = {}};
        if (failed() || next_ == text_.size()) {
            return;
        }
        const char first = text_[next_];
        if (first == '"' || first == '\'') {
            read_quoted(first);
            return;
        }
        if (is_word(first)) {
            while (next_ < text_.size() && is_word(text_[next_])) {
                next_++;
            }
            token_.symbol = Symbol::word;
            token_.raw = text_.substr(token_.at, next_ - token_.at);
            token_.text = token_.raw;
            return;
        }
        for (const auto& [mark, symbol] : marks) {
            if (text_.substr(next_).starts_with(mark)) {
                next_ += mark.size();
                token_.symbol = symbol;
                token_.raw = mark;
                return;
            }
        }
        fault(next_, fmt::format("a single {}", quoted(text_.substr(next_, 1))),
              "write \"and\" or \"or\"");
    }

    void read_quoted(char quote) {
        token_.symbol = Symbol::quoted;
        for (next_++; next_ < text_.size() && text_[next_] != quote; next_++) {
            if (text_[next_] == '\\' && next_ + 1 < text_.size()) {
                next_++;
            }
            token_.text += text_[next_];
        }
        if (next_ == text_.size()) {
            fault(token_.at, "the quote is not closed", fmt::format("put a {} at its end", quote));
            return;
        }
        next_++;
        token_.raw = text_.substr(token_.at, next_ - token_.at);
    }

    [[nodiscard]] bool at_word(std::string_view word) const {
        return token_.symbol == Symbol::word && token_.text == word;
    }
    /// Takes the token if it is that symbol or word.
    bool take(Symbol symbol, std::string_view word = {}) {
        const bool is = !failed() && (token_.symbol == symbol || (!word.empty() && at_word(word)));
        if (is) {
            advance();
        }
        return is;
    }
    [[nodiscard]] std::string found() const {
        return token_.symbol == Symbol::end ? "the end" : quoted(token_.raw);
    }

    std::size_t emit(const Step& step) {
        program_.steps.push_back(step);
        return program_.steps.size() - 1;
    }

    /// operand { JOIN operand }
    template <class Operand>
    void chain(Symbol symbol, std::string_view word, Op jump, Op join, Operand operand) {
        operand();
        while (take(symbol, word)) {
            const std::size_t jump_at = emit({.op = jump});
            operand();
            emit({.op = join});
            program_.steps[jump_at].first = static_cast<std::uint16_t>(program_.steps.size());
        }
    }
    void disjunction() {
        chain(Symbol::disjunction, "or", Op::jump_if_yes, Op::disjoin, [this] { conjunction(); });
    }
    void conjunction() {
        chain(Symbol::conjunction, "and", Op::jump_if_no, Op::conjoin, [this] { operand(); });
    }

    void operand() {
        const std::size_t at = token_.at;
        if (take(Symbol::negation, "not")) {
            if (deeper(at)) {
                operand();
                depth_--;
                emit({.op = Op::negate});
            }
            return;
        }
        if (!take(Symbol::open)) {
            comparison();
            return;
        }
        if (!deeper(at)) {
            return;
        }
        disjunction();
        depth_--;
        if (!take(Symbol::close)) {
            fault(token_.at, "expected ), found " + found(), "each ( needs its )");
        }
    }
    [[nodiscard]] bool deeper(std::size_t at) {
        if (++depth_ > Filter::deepest) {
            fault(at, fmt::format("more than {} within one another", Filter::deepest),
                  "take out parentheses and nots that are not needed");
        }
        return !failed();
    }

    void comparison() {
        if (failed()) {
            return;
        }
        if (token_.symbol != Symbol::word || is_reserved(token_)) {
            fault(token_.at, "expected a field, found " + found(),
                  "write FIELD=VALUE; docs/FILTER.md lists the fields");
            return;
        }
        const std::size_t at = token_.at;
        auto field = find_filter_field(token_.text);
        if (!field) {
            fault(at, "unknown field " + quoted(token_.text),
                  guess(token_.text, filter_field_names(), "docs/FILTER.md lists the fields"));
            return;
        }
        if (program_.fields.size() == Filter::most_values) {
            too_many(at);
            return;
        }
        program_.fields.push_back(*field);
        advance();
        compare(program_.fields.back());
    }

    void compare(const NamedField& field) {
        const Token op = token_;
        Step step{.field = static_cast<std::uint16_t>(program_.fields.size() - 1)};
        switch (op.symbol) {
            case Symbol::equal:
            case Symbol::different:
                advance();
                equality(field, step, op.symbol == Symbol::different);
                return;
            case Symbol::like:
            case Symbol::unlike:
                advance();
                pattern(field, step, op);
                return;
            case Symbol::less:
                ordering(field, step, Op::less);
                return;
            case Symbol::less_equal:
                ordering(field, step, Op::less_equal);
                return;
            case Symbol::greater:
                ordering(field, step, Op::greater);
                return;
            case Symbol::greater_equal:
                ordering(field, step, Op::greater_equal);
                return;
            default:
                break;
        }
        if (at_word("in")) {
            list(field, step);
        } else if (at_word("not")) {
            advance();
            if (!at_word("in")) {
                fault(token_.at, "expected in after not, found " + found(),
                      "write FIELD not in (A, B), or not ahead of the field");
                return;
            }
            list(field, step);
            emit({.op = Op::negate});
        } else if (field.type == FilterType::MAYBE || field.type == FilterType::WORD) {
            step.op = Op::there;
            emit(step);
        } else {
            fault(op.at,
                  fmt::format("expected a comparison of \"{}\", found {}", field.name, found()),
                  "write FIELD=VALUE, or another of != < <= > >= ~ in");
        }
    }

    void equality(const NamedField& field, Step step, bool differs) {
        if (at_word("null")) {
            advance();
            step.op = Op::null;
        } else if (field.type == FilterType::WORD && at_word("any")) {
            advance();
            step.op = Op::there;
        } else {
            step.op = Op::equal;
            step.first = next_value(field);
            step.count = 1;
            value(field);
        }
        emit(step);
        if (differs) {
            emit({.op = Op::negate});
        }
    }

    void pattern(const NamedField& field, Step step, const Token& op) {
        if (!has_text(field)) {
            fault(op.at, fmt::format("\"{}\" has numbers, which ~ does not match", field.name),
                  "compare it with = != < <= > >= or in");
            return;
        }
        step.op = Op::like;
        step.first = static_cast<std::uint16_t>(program_.texts.size());
        step.count = 1;
        if (const auto text = take_value()) {
            program_.texts.push_back(text->text);
        }
        emit(step);
        if (op.symbol == Symbol::unlike) {
            emit({.op = Op::negate});
        }
    }

    void ordering(const NamedField& field, Step step, Op op) {
        if (field.type != FilterType::NUMBER) {
            fault(token_.at,
                  fmt::format("\"{}\" is {}, which has no order", field.name,
                              has_text(field) ? "text" : "a namespace"),
                  has_text(field) ? "compare it with = != ~ or in" : "compare it with = != or in");
            return;
        }
        advance();
        step.op = op;
        step.first = next_value(field);
        step.count = 1;
        value(field);
        emit(step);
    }

    void list(const NamedField& field, Step step) {
        advance();
        if (!take(Symbol::open)) {
            fault(token_.at, "expected ( after in, found " + found(), "write FIELD in (A, B)");
            return;
        }
        step.op = Op::equal;
        step.first = next_value(field);
        do {
            value(field);
            step.count++;
        } while (take(Symbol::comma));
        if (!take(Symbol::close)) {
            fault(token_.at, "expected , or ) in a list, found " + found(),
                  "write FIELD in (A, B)");
        }
        emit(step);
    }

    [[nodiscard]] static bool has_text(const NamedField& field) {
        return field.type != FilterType::NUMBER && field.type != FilterType::NAMESPACE;
    }
    [[nodiscard]] std::uint16_t next_value(const NamedField& field) const {
        return static_cast<std::uint16_t>(has_text(field) ? program_.texts.size()
                                                          : program_.numbers.size());
    }

    std::optional<Token> take_value() {
        if (failed()) {
            return std::nullopt;
        }
        if ((token_.symbol != Symbol::word && token_.symbol != Symbol::quoted) ||
            is_reserved(token_)) {
            fault(token_.at, "expected a value, found " + found(),
                  "put a value with spaces or signs into quotes");
            return std::nullopt;
        }
        if (program_.texts.size() + program_.numbers.size() >= Filter::most_values) {
            too_many(token_.at);
            return std::nullopt;
        }
        Token taken = std::move(token_);
        advance();
        return taken;
    }

    void value(const NamedField& field) {
        if (at_word("null")) {
            fault(token_.at, "null cannot be compared so", "write FIELD = null or FIELD != null");
        }
        const auto taken = take_value();
        if (!taken) {
            return;
        }
        if (has_text(field)) {
            check_word(field, *taken);
            program_.texts.push_back(taken->text);
        } else if (field.type == FilterType::NAMESPACE) {
            inum(field, *taken);
        } else {
            number(field, *taken);
        }
    }

    /// A word that can never be is a mistake.
    void check_word(const NamedField& field, const Token& token) {
        std::vector<std::string_view> kinds;
        std::span<const std::string_view> all;
        std::string_view list = "docs/EVENTS.md lists them";
        if (field.type == FilterType::KIND) {
            kinds = filter_kinds();
            all = kinds;
        } else if (field.known == FilterField::finding) {
            all = words_.findings;
            list = "nstrail rules lists them";
        } else if (field.known == FilterField::notable) {
            all = words_.notables;
            list = "they are escape, chosen_pids, empty, stuck";
        } else if (field.is_word) {
            kinds = field.words();
            all = kinds;
        } else {
            return;
        }
        if (std::ranges::find(all, token.text) == all.end()) {
            fault(token.at, fmt::format("{} is no {}", quoted(token.text), field.name),
                  guess(token.text, all, std::string(list)));
        }
    }

    [[nodiscard]] static std::optional<std::uint64_t> whole(std::string_view text) {
        const bool hexadecimal = text.starts_with("0x");
        text.remove_prefix(hexadecimal ? 2 : 0);
        std::uint64_t number = 0;
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), number, hexadecimal ? 16 : 10);
        const bool good = error == std::errc{} && end == text.data() + text.size();
        return good ? std::optional(number) : std::nullopt;
    }

    void number(const NamedField& field, const Token& token) {
        std::string_view text = token.text;
        if (field.is_error) {
            if (const auto code = errno_code(text)) {
                program_.numbers.push_back({.negative = true, .magnitude = *code});
                return;
            }
        }
        const bool negative = text.starts_with('-');
        text.remove_prefix(negative ? 1 : 0);
        const auto magnitude = whole(text);
        if (!magnitude) {
            fault(token.at, quoted(token.text) + " is no number",
                  field.is_error ? "write a name, e.g. EAGAIN, or a number, e.g. -11"
                                 : fmt::format("\"{}\" has numbers, e.g. 812 or 0x20", field.name));
            return;
        }
        program_.numbers.push_back(
            {.negative = negative && *magnitude != 0, .magnitude = *magnitude});
    }

    [[nodiscard]] static std::optional<std::uint64_t> errno_code(std::string_view name) {
        for (int code = 1; code < 134; code++) {
            if (errno_name(code) == name) {
                return static_cast<std::uint64_t>(code);
            }
        }
        return std::nullopt;
    }

    /// 4026531836, or as readlink /proc/TID/ns/pid prints it: pid:[4026531836].
    void inum(const NamedField& field, const Token& token) {
        std::string_view text = token.text;
        std::string_view type = field.name;
        type = type.substr(0, type.find("_for_children"));
        if (text.ends_with(']') && text.starts_with(fmt::format("{}:[", type))) {
            text = text.substr(type.size() + 2, text.size() - type.size() - 3);
        }
        const auto number = whole(text);
        if (!number || *number == 0 || *number > UINT32_MAX) {
            fault(
                token.at,
                fmt::format("{} is no {} namespace", quoted(token.text),
                            field.known == FilterField::ns ? "number of a" : type),
                "write its inode number, which readlink /proc/TID/ns/TYPE tells, e.g. 4026531836");
            return;
        }
        program_.numbers.push_back({.magnitude = *number});
    }

    void too_many(std::size_t at) {
        fault(at, fmt::format("more than {} comparisons or values", Filter::most_values),
              "ask for less at once, e.g. with ~");
    }

    std::string_view text_;
    const FilterWords& words_;
    std::size_t next_ = 0;
    Token token_;
    std::size_t depth_ = 0;
    Filter::Program program_;
    std::optional<Error> error_;
};

}  // namespace

Result<Filter> Filter::parse(std::string_view text, const FilterWords& words) {
    auto program = FilterParser(text, words).parse();
    if (!program) {
        return std::unexpected(program.error());
    }
    return Filter(std::make_shared<const Program>(std::move(*program)));
}

}  // namespace nstrail
