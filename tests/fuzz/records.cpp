// SPDX-License-Identifier: Apache-2.0
#include "fuzz/records.hpp"

#include <algorithm>
#include <cstring>

#include "event/format.hpp"
#include "event/reflect.hpp"
#include "fuzz/fuzz.hpp"

namespace nstrail::fuzz {

namespace {

/// Clears the texts of a fixed part: their bytes need not be UTF-8, and JSON tells only up to the
/// first zero.
struct ClearTexts {
    const std::byte* from;
    std::span<std::byte> copy;

    template <class T>
    void number(std::string_view /*name*/, const T& /*value*/, Format /*format*/) {}
    template <class T>
    void object(std::string_view /*name*/, const T& value, Format /*format*/) {
        visit_fields(value, *this);
    }
    void text(std::string_view /*name*/, const char* chars, std::size_t size) {
        const auto offset = reinterpret_cast<const std::byte*>(chars) - from;
        std::ranges::fill(copy.subspan(static_cast<std::size_t>(offset), size), std::byte{});
    }
    template <class Element>
    void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}
};

std::vector<std::byte> without_texts(const Event& event) {
    std::vector<std::byte> copy(event.bytes().begin(), event.bytes().end());
    with_fixed_part(event, [&](const auto& fixed) {
        ClearTexts clear{.from = event.bytes().data(), .copy = copy};
        visit_fields(fixed, clear);
    });
    return copy;
}

}  // namespace

std::vector<EventBuffer> records_in(std::span<const std::byte> bytes) {
    std::vector<EventBuffer> records;
    // A copy that is aligned, and that ends where its bytes end.
    const auto copy_of = [](std::span<const std::byte> from) {
        EventBuffer copy(from.size());
        std::ranges::copy(from, copy.bytes().begin());
        return copy;
    };
    EventBuffer aligned = copy_of(bytes);
    for (auto rest = std::span<const std::byte>(aligned.bytes()); !rest.empty();) {
        const auto event = Event::decode(rest);
        if (event) {
            require(event->bytes().data() == rest.data() && event->bytes().size() <= rest.size(),
                    "an event lies within its record");
            records.push_back(copy_of(event->bytes()));
            const auto again = records.back().event();
            require(again && std::ranges::equal(again->bytes(), event->bytes()),
                    "an event alone is the same event");
        }
        rest = rest.subspan(std::min(rest.size(), event ? event->bytes().size() : 8));
    }
    return records;
}

void check_forms(const Event& event) {
    const std::string text = to_text(event);
    require(std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; }),
            "a line for people is one line without control characters");
    const std::string json = to_json(event);
    const auto back = parse_event(json);
    require(back.has_value(), "JSON of an event is read");
    const auto same = back->event();
    require(same.has_value(), "JSON of an event is an event");
    require(to_json(*same) == json, "an event from JSON is written as it was");
    require(without_texts(*same) == without_texts(event), "an event from JSON is the same event");
}

}  // namespace nstrail::fuzz
