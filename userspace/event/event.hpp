// SPDX-License-Identifier: Apache-2.0
// One event, as a view of the bytes it arrived in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wire/wire.h"

namespace nstrail {

using Kind = nst_kind;
using NsType = nst_ns_type;

/// The kind number of a wire struct: kind_of<nst_task_new> == NST_KIND_task_new.
template <class T>
inline constexpr Kind kind_of = NST_KIND_end;
#define EVENT(name, number, help) \
    template <>                   \
    inline constexpr Kind kind_of<nst_##name> = NST_KIND_##name;
#include "wire/events.def"

/// What keeps bytes: they stay as long as anybody holds a copy of it.
using Owner = std::shared_ptr<const void>;

/// A decoded event. Non-owning: valid as long as the bytes it was decoded from (in the ring, until
/// they are released; in an EventBuffer, as long as that lives). Always whole and within its
/// bounds, because decode() is the only way to make one.
class Event {
public:
    /// Checks a record and makes a view of it. The record may be longer than the event. Fails on an
    /// unknown kind, a record too short, a tail longer than the record or than NST_MAX_LEVELS, or
    /// bytes not aligned to 8.
    [[nodiscard]] static Result<Event> decode(std::span<const std::byte> record) {
        const auto event = in(record);
        return event ? Result<Event>(*event) : refuse(record);
    }
    /// The same for whoever does not ask why there is none.
    [[nodiscard]] static std::optional<Event> in(std::span<const std::byte> record,
                                                 const Owner* owner = nullptr) {
        const std::size_t size = size_in(record);
        return size != 0 ? std::optional(Event(record.first(size), owner)) : std::nullopt;
    }

    [[nodiscard]] Kind kind() const { return static_cast<Kind>(header().kind); }
    [[nodiscard]] const nst_header& header() const {
        return *reinterpret_cast<const nst_header*>(bytes_.data());
    }
    /// CLOCK_BOOTTIME nanoseconds, for people. Order is the order of the stream.
    [[nodiscard]] std::uint64_t boot_ns() const { return header().boot_ns; }
    /// The bytes of the event alone, without what the record has in excess: a multiple of 8.
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    /// Whoever would keep the bytes holds a copy of this; null = only a copy of the bytes stays.
    /// Good as long as the event is.
    [[nodiscard]] const Owner* owner() const { return owner_; }

    /// The fixed part. Precondition: kind() == kind_of<T>.
    template <class T>
    [[nodiscard]] const T& as() const {
        return *reinterpret_cast<const T*>(bytes_.data());
    }
    /// The tail of an event of kind T, as elements of type E (what its TAIL declares).
    template <class T, class E>
    [[nodiscard]] std::span<const E> tail() const {
        return {reinterpret_cast<const E*>(bytes_.data() + sizeof(T)),
                (bytes_.size() - sizeof(T)) / sizeof(E)};
    }

private:
    Event(std::span<const std::byte> bytes, const Owner* owner) : bytes_(bytes), owner_(owner) {}
    /// The bytes of the event in a record, 0 = it holds none.
    [[nodiscard]] static std::size_t size_in(std::span<const std::byte> record);
    /// Why it holds none.
    [[nodiscard]] static Result<Event> refuse(std::span<const std::byte> record);

    std::span<const std::byte> bytes_;
    const Owner* owner_;
};

/// Owns the bytes of one event: for events made by the agent itself, by scripts and by tests.
class EventBuffer {
public:
    /// A copy of a fixed part, with an optional tail. The header's kind and the tail's count field
    /// are the caller's to set.
    template <class T, class E = nst_pid_nr>
    [[nodiscard]] static EventBuffer make(const T& fixed, std::span<const E> tail = {}) {
        EventBuffer buffer(sizeof(T) + tail.size_bytes());
        std::memcpy(buffer.words_.data(), &fixed, sizeof(T));
        if (!tail.empty()) {
            std::memcpy(reinterpret_cast<std::byte*>(buffer.words_.data()) + sizeof(T), tail.data(),
                        tail.size_bytes());
        }
        return buffer;
    }
    explicit EventBuffer(std::size_t size) : words_((size + 7) / 8), size_(size) {}

    [[nodiscard]] std::span<std::byte> bytes() {
        return {reinterpret_cast<std::byte*>(words_.data()), size_};
    }
    [[nodiscard]] Result<Event> event() const {
        return Event::decode({reinterpret_cast<const std::byte*>(words_.data()), size_});
    }

private:
    std::vector<std::uint64_t> words_;  // aligned to 8, as in the ring
    std::size_t size_;
};

/// Name of a kind ("task_new"), or "unknown".
[[nodiscard]] std::string_view kind_name(Kind kind);
/// Name of a hook of hooks.def ("alloc_pid"), or "unknown".
[[nodiscard]] std::string_view hook_name(nst_hook hook);
/// Name of a namespace type ("mnt"), "none" if it has none.
[[nodiscard]] std::string_view type_name(NsType type);
/// "vpids"-like fixed text arrays: up to the first zero.
[[nodiscard]] inline std::string_view text_of(const char* text, std::size_t size) {
    return {text, strnlen(text, size)};
}

}  // namespace nstrail
