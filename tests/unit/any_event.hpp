// SPDX-License-Identifier: Apache-2.0
// Events of every kind, filled by reflection: a new kind is tested without a new line.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "event/event.hpp"
#include "event/reflect.hpp"

namespace nstrail::test {

/// What to fill with.
class Filler {
public:
    virtual ~Filler() = default;
    /// Called with the type's bounds; the result is cut to the type.
    virtual std::uint64_t number(std::uint64_t max, Format format) = 0;
    virtual std::string text(std::size_t most) = 0;
    virtual std::uint32_t levels() = 0;
};

class Zeros final : public Filler {
public:
    std::uint64_t number(std::uint64_t /*max*/, Format /*format*/) override { return 0; }
    std::string text(std::size_t /*most*/) override { return ""; }
    std::uint32_t levels() override { return 1; }
};

/// The largest unsigned, or the least signed number; the longest text and tail.
class Extremes final : public Filler {
public:
    std::uint64_t number(std::uint64_t max, Format /*format*/) override {
        const bool is_signed = max == std::numeric_limits<std::int32_t>::max();
        return is_signed ? max + 1 : max;
    }
    std::string text(std::size_t most) override { return std::string(most, '~'); }
    std::uint32_t levels() override { return NST_MAX_LEVELS; }
};

class Random final : public Filler {
public:
    explicit Random(unsigned seed) : random_(seed) {}
    std::uint64_t number(std::uint64_t max, Format /*format*/) override {
        switch (below(4)) {
            case 0:
                return 0;
            case 1:
                return below(40);
            case 2:
                return max - below(2);
            default:
                return random_() & max;
        }
    }
    std::string text(std::size_t most) override {
        // Whole characters only: what is not UTF-8 has a test of its own.
        static const std::string_view pieces[] = {"a", "\"", "\\", "\n", "\x1B", "\x7F",
                                                  "/", " ",  "é",  "€",  "𝄞"};
        std::string text;
        for (std::uint64_t i = below(20); i > 0; i--) {
            const std::string_view piece = pieces[below(std::size(pieces))];
            if (text.size() + piece.size() <= most) {
                text += piece;
            }
        }
        return text;
    }
    std::uint32_t levels() override {
        return static_cast<std::uint32_t>(below(NST_MAX_LEVELS + 1));
    }

private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    std::mt19937_64 random_;
};

namespace detail {

struct FillVisitor {
    Filler& filler;
    std::vector<std::byte> tail_bytes = {};

    template <class T>
    void number(std::string_view /*name*/, T& to, Format format) {
        to = static_cast<T>(filler.number(std::numeric_limits<T>::max(), format));
    }
    template <class T>
    void object(std::string_view /*name*/, T& to, Format /*format*/) {
        visit_fields(to, *this);
    }
    void text(std::string_view /*name*/, char* to, std::size_t size) {
        const std::string text = filler.text(size - 1);
        std::memcpy(to, text.data(), text.size());
    }
    template <class Element>
    void tail(std::string_view /*name*/, nst_u32& count) {
        count = filler.levels();
        for (nst_u32 i = 0; i < count; i++) {
            Element element{};
            FillVisitor inner{.filler = filler};
            visit_fields(element, inner);
            const auto bytes = std::as_bytes(std::span(&element, 1));
            tail_bytes.insert(tail_bytes.end(), bytes.begin(), bytes.end());
        }
    }
};

}  // namespace detail

template <class T>
[[nodiscard]] EventBuffer filled(Filler& filler) {
    T fixed{};
    detail::FillVisitor visitor{.filler = filler};
    visit_fields(fixed, visitor);
    fixed.header.kind = kind_of<T>;
    fixed.header.boot_ns = filler.number(std::numeric_limits<nst_u64>::max(), Format::TIME);
    fixed.header.seq =
        static_cast<nst_u32>(filler.number(std::numeric_limits<nst_u32>::max(), Format::NUMBER));
    fixed.header.cpu =
        static_cast<nst_u16>(filler.number(std::numeric_limits<nst_u16>::max(), Format::NUMBER));
    return EventBuffer::make<T, std::byte>(fixed, visitor.tail_bytes);
}

/// One event of each kind.
[[nodiscard]] inline std::vector<EventBuffer> every_kind(Filler& filler) {
    std::vector<EventBuffer> all;
#define EVENT(name, number, help) all.push_back(filled<nst_##name>(filler));
#include "wire/events.def"
    return all;
}

}  // namespace nstrail::test
