// SPDX-License-Identifier: Apache-2.0
// The life of one task or namespace, out of a stream.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "app/printer.hpp"
#include "app/replay.hpp"

namespace nstrail {

/// Whose story: a task by its tid, or a namespace by its inode number. Both are used again, and all
/// who had the number are told of.
struct Hero {
    bool task = false;
    std::uint32_t number = 0;
    NsType type = NST_ns_type_none;  ///< none = of whatever type
};

/// "812", "4026532201" or "net:[4026532201]".
[[nodiscard]] Result<Hero> parse_hero(const std::string& text);

/// Tells it from a Replay, which must outlive it.
class StoryTeller {
public:
    StoryTeller(Replay& replay, const Hero& hero, bool json);

    /// Takes a piece of the stream; see Replay::step().
    [[nodiscard]] Result<void> step();
    /// No more will come.
    void finish();
    /// The lines told and not yet taken: whoever takes them clears it.
    [[nodiscard]] fmt::memory_buffer& out() { return printer_.out(); }
    void flush() { printer_.flush(); }
    /// Events told that are about the hero.
    [[nodiscard]] std::size_t told() const { return told_; }

private:
    [[nodiscard]] bool tells(const Event& event, const Change& change);
    [[nodiscard]] bool mentioned(const Event& event) const;
    [[nodiscard]] bool of_task(const Event& event, const Change& change) const;
    [[nodiscard]] bool of_namespace(const Event& event, const Change& change) const;
    [[nodiscard]] bool fits(NsType type) const;
    [[nodiscard]] bool first(const Event& event, const Change& change);

    Replay& replay_;
    const Hero hero_;
    Printer printer_;
    Printer::Wanted about_;
    std::set<std::pair<Kind, std::uint64_t>> once_;
    std::size_t told_ = 0;
};

}  // namespace nstrail
