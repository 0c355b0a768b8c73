// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "event/format.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

using nlohmann::json;

/// The bytes that json_quote() wrote as this. U+FFFD stands for one byte that was not UTF-8, as
/// where a name was cut within a character; its own three bytes would not fit.
std::string bytes_of(std::string_view text) {
    constexpr std::string_view replacement = "\xEF\xBF\xBD";
    std::string bytes;
    while (!text.empty()) {
        const bool replaced = text.starts_with(replacement);
        bytes += replaced ? '\xFF' : text[0];
        text.remove_prefix(replaced ? replacement.size() : 1);
    }
    return bytes;
}

/// Fills a wire struct from a JSON object. The first thing wrong is kept in `problem`. A field that
/// is missing is left 0, which is unknown: the stream may be older than the field.
struct JsonReader {
    const json& from;
    std::string& problem;
    std::vector<std::byte> tail_bytes = {};  // visited last, to stand behind the fixed part
    std::vector<std::string_view> known = {};

    const json* find(std::string_view field) {
        known.push_back(field);
        const auto it = from.find(field);
        return it == from.end() ? nullptr : &*it;
    }

    void require(std::string_view field) {
        if (!from.contains(field)) {
            complain(field, "is missing");
        }
    }

    /// After the last field: nothing is left over.
    void end() {
        for (const auto& [field, value] : from.items()) {
            // "who" is what the agent knows besides: container, unit, executable. No event has it.
            if (field != "who" && std::ranges::find(known, field) == known.end()) {
                complain(field, "is not known");
            }
        }
    }

    void complain(std::string_view field, std::string_view why) {
        if (problem.empty()) {
            problem = fmt::format("field {} {}", field, why);
        }
    }

    template <class T>
    void number(std::string_view field, T& to, Format format) {
        const json* value = find(field);
        if (value == nullptr || value->is_null()) {
            return;  // null is 0 on the wire, as the buffer already is
        }
        if (value->is_string()) {
            to = word<T>(field, value->get_ref<const std::string&>(), format);
        } else if (value->is_number_unsigned() &&
                   value->get<std::uint64_t>() <= std::numeric_limits<T>::max()) {
            to = value->get<T>();
        } else if (std::is_signed_v<T> && value->is_number_integer() &&
                   std::in_range<T>(value->get<std::int64_t>())) {
            to = value->get<T>();
        } else {
            complain(field, "is not a number in range");
        }
    }

    template <class T>
    T word(std::string_view field, const std::string& text, Format format) {
        if (format == Format::KEY) {
            std::uint64_t key = 0;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), key, 16);
            if (error != std::errc{} || end != text.data() + text.size()) {
                complain(field, "is not a key");
            }
            return static_cast<T>(key);
        }
        for (std::uint32_t i = 0; i < 32 && !text.empty(); i++) {
            if (enum_name(format, i) == text) {
                return static_cast<T>(i);
            }
        }
        complain(field, fmt::format("has no value \"{}\"", text));
        return 0;
    }

    template <class T>
    void object(std::string_view field, T& to, Format /*format*/) {
        const json* value = find(field);
        if (value == nullptr || value->is_null()) {
            return;
        }
        if (!value->is_object()) {
            complain(field, "is not an object");
            return;
        }
        JsonReader inner{.from = *value, .problem = problem};
        visit_fields(to, inner);
        inner.end();
    }

    void text(std::string_view field, char* to, std::size_t size) {
        const json* value = find(field);
        if (value == nullptr) {
            return;
        }
        if (!value->is_string()) {
            complain(field, "is not a string that fits");
            return;
        }
        const std::string chars = bytes_of(value->get_ref<const std::string&>());
        // One that fills it has no zero at its end, and none has one within.
        if (chars.size() > size || chars.contains('\0')) {
            complain(field, "is not a string that fits");
            return;
        }
        std::memcpy(to, chars.data(), chars.size());
    }

    template <class Element>
    void tail(std::string_view field, std::uint32_t count) {
        const json* value = find(field);
        if (value == nullptr && count == 0) {
            return;
        }
        if (value == nullptr || !value->is_array() || value->size() != count ||
            count > NST_MAX_LEVELS) {
            complain(field, "does not have as many elements as it says");
            return;
        }
        for (const json& one : *value) {
            if (!one.is_object()) {
                complain(field, "has an element that is not an object");
                return;
            }
            Element element{};
            JsonReader inner{.from = one, .problem = problem};
            visit_fields(element, inner);
            inner.end();
            const auto bytes = std::as_bytes(std::span(&element, 1));
            tail_bytes.insert(tail_bytes.end(), bytes.begin(), bytes.end());
        }
    }
};

template <class T>
EventBuffer read(const json& from, std::string& problem) {
    T fixed{};
    fixed.header.kind = kind_of<T>;
    JsonReader reader{.from = from, .problem = problem};
    for (const std::string_view field : {"kind", "at_boot_ns", "cpu", "seq"}) {
        reader.require(field);
        reader.known.push_back(field);
    }
    reader.number("at_boot_ns", fixed.header.boot_ns, Format::NUMBER);
    reader.number("cpu", fixed.header.cpu, Format::NUMBER);
    reader.number("seq", fixed.header.seq, Format::NUMBER);
    visit_fields(fixed, reader);
    reader.end();
    return EventBuffer::make<T, std::byte>(fixed, reader.tail_bytes);
}

}  // namespace

Result<EventBuffer> parse_event(std::string_view json_text) {
    const json from = json::parse(json_text, nullptr, false);
    if (!from.is_object()) {
        return fail("read an event", "not a JSON object");
    }
    const auto kind = from.find("kind");
    if (kind == from.end() || !kind->is_string()) {
        return fail("read an event", "field kind is missing");
    }
    const auto& name = kind->get_ref<const std::string&>();
    std::string problem;
    EventBuffer buffer(0);
#define EVENT(event, number, help)                 \
    if (name == #event) {                          \
        buffer = read<nst_##event>(from, problem); \
    } else
#include "wire/events.def"
    {
        return fail("read an event", "kind " + name + " is not known");
    }
    if (!problem.empty()) {
        return fail("read a " + name + " event", problem);
    }
    return buffer;
}

}  // namespace nstrail
