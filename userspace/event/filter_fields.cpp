// SPDX-License-Identifier: Apache-2.0
// The names that a filter may use, from the declarations.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "event/filter_program.hpp"

namespace nstrail {

namespace {

struct Declared {
    std::string_view name;
    FilterField field;
    FilterType type;
    std::string_view help;
};

constexpr Declared declared[] = {
#define FILTER_FIELD(name, type, help) {#name, FilterField::name, FilterType::type, help},
#include "event/filter_fields.def"
};

bool is_enumeration(Format format) {
    return format > Format::NSSET;
}

/// Keys are opaque, and composites have fields of their own that others stand for.
bool can_be_asked(Format format) {
    return format != Format::KEY && format != Format::OBJECT && format != Format::NSSET;
}

/// Calls f(name, place) for the fields of an event's fixed part that can be asked.
template <class F>
struct Places {
    const std::byte* base;
    F& f;

    template <class T>
    void number(std::string_view name, const T& value, Format format) {
        if (can_be_asked(format)) {
            f(name, place(&value, sizeof(T), std::is_signed_v<T>, false, format));
        }
    }
    template <class T>
    void object(std::string_view /*name*/, const T& /*value*/, Format /*format*/) {}
    void text(std::string_view name, const char* chars, std::size_t size) {
        f(name, place(chars, size, false, true, Format::NUMBER));
    }
    template <class E>
    void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}

private:
    FieldPlace place(const void* at, std::size_t size, bool is_signed, bool is_text,
                     Format format) const {
        return {.offset = static_cast<std::uint16_t>(static_cast<const std::byte*>(at) - base),
                .size = static_cast<std::uint16_t>(size),
                .is_signed = is_signed,
                .is_text = is_text,
                .format = format};
    }
};

/// Calls f(kind, name, place) for all events.
template <class F>
void each_event_field(F&& f) {
#define EVENT(event, number, help)                                                       \
    {                                                                                    \
        const nst_##event fixed{};                                                       \
        auto one = [&](std::string_view name, const FieldPlace& place) {                 \
            f(NST_KIND_##event, name, place);                                            \
        };                                                                               \
        Places<decltype(one)> places{.base = reinterpret_cast<const std::byte*>(&fixed), \
                                     .f = one};                                          \
        visit_fields(fixed, places);                                                     \
    }
#include "wire/events.def"
}

const Declared* find_declared(std::string_view name) {
    const auto* at = std::ranges::find(declared, name, &Declared::name);
    return at == std::end(declared) ? nullptr : at;
}

std::string_view type_word(const NamedField& field) {
    switch (field.type) {
        case FilterType::KIND:
            return "kind";
        case FilterType::NUMBER:
            return field.is_error ? "error" : "number";
        case FilterType::NAMESPACE:
            return "namespace";
        case FilterType::TEXT:
            return field.is_word ? "word" : "text";
        case FilterType::MAYBE:
            return "text or none";
        case FilterType::WORD:
            return "word or none";
    }
    return "";
}

}  // namespace

std::optional<NamedField> find_filter_field(std::string_view name) {
    if (const Declared* known = find_declared(name); known != nullptr) {
        return NamedField{.name = known->name, .known = known->field, .type = known->type};
    }
    std::optional<NamedField> found;
    each_event_field([&](Kind kind, std::string_view field, const FieldPlace& place) {
        if (field != name) {
            return;
        }
        const bool is_word = is_enumeration(place.format);
        const bool is_text = place.is_text || is_word;
        if (!found) {
            found = NamedField{.name = field,
                               .type = is_text ? FilterType::TEXT : FilterType::NUMBER,
                               .is_error = place.format == Format::ERRNO,
                               .is_word = is_word};
        }
        // One name has one meaning; an event where it had another would not have the field.
        if (found->is_word == is_word && (found->type == FilterType::TEXT) == is_text) {
            found->places[kind] = place;
        }
    });
    return found;
}

std::vector<std::string_view> filter_field_names() {
    std::vector<std::string_view> names;
    for (const Declared& one : declared) {
        names.push_back(one.name);
    }
    each_event_field([&](Kind /*kind*/, std::string_view name, const FieldPlace& /*place*/) {
        if (std::ranges::find(names, name) == names.end()) {
            names.push_back(name);
        }
    });
    return names;
}

std::vector<std::string_view> NamedField::words() const {
    constexpr std::uint64_t beyond = 64;  // no enumeration of events has as many
    std::vector<std::string_view> all;
    for (const FieldPlace& place : places) {
        for (std::uint64_t value = 0; place.size != 0 && value < beyond; value++) {
            const auto word = enum_name(place.format, value);
            if (!word.empty() && std::ranges::find(all, word) == all.end()) {
                all.push_back(word);
            }
        }
    }
    return all;
}

std::vector<std::string_view> filter_kinds() {
    std::vector<std::string_view> kinds;
    for (std::uint32_t kind = 1; kind < NST_KIND_end; kind++) {
        kinds.push_back(kind_name(static_cast<Kind>(kind)));
    }
    kinds.insert(kinds.end(), {"finding", "notable"});
    return kinds;
}

std::string_view filter_kind_name(std::uint32_t kind) {
    return kind == filter_kind_finding   ? "finding"
           : kind == filter_kind_notable ? "notable"
                                         : kind_name(static_cast<Kind>(kind));
}

std::string filter_markdown() {
    fmt::memory_buffer out;
    auto to = std::back_inserter(out);
    fmt::format_to(to, "| field | type | meaning |\n|---|---|---|\n");
    for (const Declared& one : declared) {
        fmt::format_to(to, "| `{}` | {} | {} |\n", one.name,
                       type_word(*find_filter_field(one.name)), one.help);
    }
    fmt::format_to(to,
                   "\nAnd the fields of the events themselves, by their names in JSON:\n\n"
                   "| field | type | of |\n|---|---|---|\n");
    for (const std::string_view name : filter_field_names()) {
        const auto field = find_filter_field(name);
        if (field->known != FilterField::end) {
            continue;
        }
        std::string kinds;
        for (std::uint32_t kind = 0; kind < NST_KIND_end; kind++) {
            if (field->places[kind].size != 0) {
                kinds += fmt::format("{}`{}`", kinds.empty() ? "" : ", ",
                                     kind_name(static_cast<Kind>(kind)));
            }
        }
        fmt::format_to(to, "| `{}` | {} | {} |\n", name, type_word(*field), kinds);
    }
    return fmt::to_string(out);
}

}  // namespace nstrail
