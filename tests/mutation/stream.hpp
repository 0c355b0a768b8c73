// SPDX-License-Identifier: Apache-2.0
// Clean streams, and edited copies of them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event/event.hpp"
#include "rules/checker.hpp"

namespace nstrail::test {

/// A stream that keeps all rules, with each event at hand.
class Stream {
public:
    Stream(std::string name, std::vector<EventBuffer> buffers);
    /// What `nstrail live --json --all` printed.
    static Stream recorded(const std::string& path);
    /// A kernel on paper, in whose life every rule has something to look at.
    static Stream scripted();

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::vector<EventBuffer>& buffers() const { return buffers_; }
    [[nodiscard]] std::size_t size() const { return events_.size(); }
    [[nodiscard]] const Event& operator[](std::size_t at) const { return events_[at]; }
    /// No rule looks at what comes before: the first snapshot is not complete.
    [[nodiscard]] std::size_t checked_from() const { return checked_from_; }

    /// The event there as a T that satisfies `so`, or null.
    template <class T>
    [[nodiscard]] const T* get(std::size_t at) const {
        return events_[at].kind() == kind_of<T> ? &events_[at].as<T>() : nullptr;
    }
    /// The nearest before `at`.
    template <class T>
    [[nodiscard]] std::optional<std::size_t> before(std::size_t at, auto&& so) const {
        while (at-- > 0) {
            if (const T* one = get<T>(at); one != nullptr && so(*one)) {
                return at;
            }
        }
        return std::nullopt;
    }
    /// The nearest after `at`.
    template <class T>
    [[nodiscard]] std::optional<std::size_t> after(std::size_t at, auto&& so) const {
        while (++at < size()) {
            if (const T* one = get<T>(at); one != nullptr && so(*one)) {
                return at;
            }
        }
        return std::nullopt;
    }

private:
    std::string name_;
    std::vector<EventBuffer> buffers_;
    std::vector<Event> events_;
    std::size_t checked_from_ = 0;
};

/// What all rules say of these events, when the stream ends well: two marks say that nothing was
/// lost.
[[nodiscard]] Findings judge(const std::vector<EventBuffer>& events);

/// The fixed part, to be written to. Precondition: it is a T.
template <class T>
[[nodiscard]] T& fixed(EventBuffer& buffer) {
    return *reinterpret_cast<T*>(buffer.bytes().data());
}
template <class T, class E>
[[nodiscard]] std::span<E> tail(EventBuffer& buffer) {
    const auto bytes = buffer.bytes();
    return {reinterpret_cast<E*>(bytes.data() + sizeof(T)), (bytes.size() - sizeof(T)) / sizeof(E)};
}

}  // namespace nstrail::test
