// SPDX-License-Identifier: Apache-2.0
// The trace-event format (JSON), which ui.perfetto.dev and chrome://tracing open, written as a
// stream. Knows nothing of tasks and namespaces.
#pragma once

#include <concepts>
#include <cstdint>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "base/text.hpp"

namespace nstrail {

/// The arguments of an event: members of a JSON object. Names are written as they are.
class TraceArgs {
public:
    void text(std::string_view name, std::string_view value) { json(name, json_quote(value)); }
    template <std::integral N>
    void number(std::string_view name, N value) {
        json(name, fmt::to_string(value));
    }
    void flag(std::string_view name, bool value) { json(name, value ? "true" : "false"); }
    /// Left out where there is none.
    void text_if(std::string_view name, std::string_view value) {
        if (!value.empty()) {
            text(name, value);
        }
    }
    void number_if(std::string_view name, std::uint64_t value) {
        if (value != 0) {
            number(name, value);
        }
    }
    /// `value` is JSON.
    void json(std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out_), "{}\"{}\":{}", out_.size() == 0 ? "" : ",", name,
                       value);
    }
    [[nodiscard]] std::string_view members() const { return {out_.data(), out_.size()}; }

private:
    fmt::basic_memory_buffer<char, 256> out_;
};

/// Where an event is shown: a "thread" of a "process". The numbers are those of rows and no pids.
struct Track {
    std::uint32_t process = 0;
    std::uint32_t thread = 0;
};

/// Times are boottime in nanoseconds; the format's unit is the microsecond.
class TraceWriter {
public:
    enum class Scope : char { thread = 't', global = 'g' };

    /// A number that no process and no thread has: viewers take a thread whose number is that of
    /// its process for the main one, and tell threads apart by their number alone.
    [[nodiscard]] std::uint32_t number() { return ++last_; }

    /// Of a process; `track` is any in it.
    void process(const Track& track, std::string_view name, std::uint32_t sort_index);
    void thread(const Track& track, std::string_view name);
    /// `until` is not before `from`. Those of one track lie within one another, or apart; an outer
    /// one is written first.
    void slice(const Track& track, std::string_view category, std::string_view name,
               std::uint64_t from, std::uint64_t until, const TraceArgs& args);
    void instant(const Track& track, Scope scope, std::string_view category, std::string_view name,
                 std::uint64_t at, const TraceArgs& args);
    /// An arrow between the slice of `from` at that time and the next that begins on `to`.
    void arrow(const Track& from, const Track& to, std::uint64_t at);
    /// Ends the document, with what is to be known of all of it.
    void close(const TraceArgs& other);

    /// What was written and not yet taken: whoever writes it down clears it.
    [[nodiscard]] fmt::memory_buffer& out() { return out_; }

private:
    template <class... Args>
    void put(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    }
    void open(char phase, const Track& track, std::uint64_t at);

    fmt::memory_buffer out_;
    std::uint32_t last_ = 0;
    bool begun_ = false;
};

}  // namespace nstrail
