// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include <fmt/compile.h>

#include "base/text.hpp"
#include "event/format.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

struct JsonWriter {
    fmt::memory_buffer& out;
    const Event& event;
    std::size_t tail_at;  // bytes of the fixed part
    bool first = false;

    void put(std::string_view text) { out.append(text.data(), text.data() + text.size()); }
    template <class T>
    void decimal(T value) {
        const fmt::format_int digits(value);
        put({digits.data(), digits.size()});
    }

    void name(std::string_view field) {
        put(first ? "\"" : ",\"");
        put(field);
        put("\":");
        first = false;
    }

    template <class T>
    void number(std::string_view field, T value, Format format) {
        name(field);
        switch (format) {
            case Format::ID:
            case Format::INUM:
                if (value == 0) {
                    put("null");
                } else {
                    decimal(value);
                }
                return;
            case Format::KEY:
                // 64 bits do not fit a JavaScript number.
                if (value == 0) {
                    put("null");
                } else {
                    fmt::format_to(std::back_inserter(out), FMT_COMPILE("\"{:x}\""),
                                   static_cast<std::uint64_t>(value));
                }
                return;
            case Format::NUMBER:
            case Format::TIME:
            case Format::ERRNO:
            case Format::FLAGS:
                decimal(value);
                return;
            default:
                break;
        }
        const std::string_view word = enum_name(format, static_cast<std::uint64_t>(value));
        if (word.empty()) {
            decimal(value);
        } else {
            out.push_back('"');
            put(word);
            out.push_back('"');
        }
    }

    template <class T>
    void object(std::string_view field, const T& value, Format format) {
        name(field);
        if constexpr (std::is_same_v<T, nst_ns_set>) {
            // A zombie has no nsproxy and still has its pid and user namespaces: null only if
            // nothing is told.
            const T nothing{};
            if (format == Format::NSSET && std::memcmp(&value, &nothing, sizeof(T)) == 0) {
                put("null");
                return;
            }
        }
        braces(value);
    }

    void text(std::string_view field, const char* chars, std::size_t size) {
        name(field);
        put(json_quote(text_of(chars, size)));
    }

    template <class Element>
    void tail(std::string_view field, std::uint32_t count) {
        name(field);
        out.push_back('[');
        const auto* elements = reinterpret_cast<const Element*>(event.bytes().data() + tail_at);
        for (std::uint32_t i = 0; i < count; i++) {
            if (i != 0) {
                out.push_back(',');
            }
            braces(elements[i]);
        }
        out.push_back(']');
    }

private:
    template <class T>
    void braces(const T& value) {
        out.push_back('{');
        first = true;
        visit_fields(value, *this);
        first = false;
        out.push_back('}');
    }
};

}  // namespace

void append_json(fmt::memory_buffer& out, const Event& event) {
    const nst_header& header = event.header();
    fmt::format_to(std::back_inserter(out),
                   FMT_COMPILE(R"({{"kind":"{}","at_boot_ns":{},"cpu":{},"seq":{})"),
                   kind_name(event.kind()), header.boot_ns, header.cpu, header.seq);
    with_fixed_part(event, [&](const auto& fixed) {
        JsonWriter writer{.out = out, .event = event, .tail_at = sizeof(fixed)};
        visit_fields(fixed, writer);
    });
    out.push_back('}');
}

std::string to_json(const Event& event) {
    fmt::memory_buffer out;
    append_json(out, event);
    return fmt::to_string(out);
}

}  // namespace nstrail
