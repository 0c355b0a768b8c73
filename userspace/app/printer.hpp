// SPDX-License-Identifier: Apache-2.0
// A stream on stdout: events, and what the rules say of them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "event/event.hpp"
#include "event/filter.hpp"
#include "model/world.hpp"
#include "rules/checker.hpp"
#include "sink/besides.hpp"

namespace nstrail {

/// Writes lines of text, or of JSON, to a buffer. World and Checker must outlive it, and have taken
/// in what it is given.
class Printer {
public:
    /// Without a filter all is written.
    Printer(const World& world, const Checker& checker, bool json,
            std::optional<Filter> filter = {})
        : besides_(world), checker_(checker), json_(json), filter_(std::move(filter)) {}

    /// The event, with what is known besides it of the task that it is about.
    void event(const Event& event, const Change& change);
    /// Whether a finding or a remark is wanted, by the task and the inode number of the namespace
    /// that it is about.
    using Wanted = std::function<bool(const nst_task_ref& task, std::uint32_t inum)>;
    /// What the checker made of the event just taken in: remarks, and findings that a mark or a gap
    /// made final.
    void news(const Event& event, const Wanted& wanted = {});
    /// What the checker made final last.
    void findings(const Wanted& wanted = {});
    /// Writes the buffer to stdout.
    void flush();
    /// What was written and not yet taken: whoever writes it elsewhere clears it.
    [[nodiscard]] fmt::memory_buffer& out() { return out_; }

private:
    template <class T>
    [[nodiscard]] bool shows(const T& found, const Wanted& wanted);

    Besides besides_;
    const Checker& checker_;
    bool json_;
    std::optional<Filter> filter_;
    fmt::memory_buffer out_;
};

/// Takes what was written out of the buffer: calls take(std::string_view) with each line, without
/// its end.
template <class F>
void take_lines(fmt::memory_buffer& printed, F&& take) {
    std::string_view rest(printed.data(), printed.size());
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        take(rest.substr(0, end));
        rest.remove_prefix(end + 1);
    }
    printed.clear();
}

}  // namespace nstrail
