// SPDX-License-Identifier: Apache-2.0
// What `nstrail top` knows of a moment: its rows, the pid namespaces, and how they are ordered.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "model/view.hpp"
#include "sink/board.hpp"

namespace nstrail {

/// Which namespace, whoever has its number later.
struct TopId {
    std::uint32_t inum = 0;
    std::uint32_t gen = 0;

    [[nodiscard]] auto operator<=>(const TopId&) const = default;
};

/// A number that may be more than what is known of it; empty = nothing is.
struct AtLeast {
    std::optional<std::uint64_t> value;
    bool exact = true;
};

struct TopRow {
    TopId id;
    std::uint32_t parent = 0;  ///< inum; 0 = none, or not known
    NsState state = NsState::alive;
    bool certain = true;
    std::uint32_t tasks = 0;  ///< zombies are counted apart
    std::uint32_t zombies = 0;
    AtLeast age_ns;
    AtLeast pids;  ///< numbers in use in it
    std::optional<std::uint32_t> pid_limit;
    std::string reaper;     ///< "init 1"; empty = not known
    std::string container;  ///< empty = none known
};

struct TopState {
    bool synchronized = false;
    bool certain = false;
    std::uint64_t at_boot_ns = 0;
    std::uint64_t wall_ns = 0;
    std::string mode;  ///< "full mode, 31 hooks"
    std::string doubt;
    std::size_t tasks = 0;
    std::size_t zombies = 0;
    std::size_t namespaces = 0;  ///< of all types
    std::uint64_t lost = 0;
    std::uint64_t violations = 0;
    std::uint64_t unknown = 0;
    std::uint64_t notable = 0;
    std::size_t uncheckable = 0;  ///< rules
    std::vector<TopRow> rows;     ///< by inum
};

/// Walks over all tasks and namespaces.
[[nodiscard]] TopState top_state(const Publication& now);

/// All else that there is to say of one of them, in paragraphs; empty if it is not there any more.
/// Walks over all tasks and namespaces.
[[nodiscard]] std::vector<std::string> top_details(const View& view, TopId id);

/// What the rules found, or what was noticed.
struct TopFinding {
    bool violation = false;
    std::string line;   ///< what
    std::string proof;  ///< in lines; may be empty
};
/// Findings first, each list in its order.
[[nodiscard]] std::vector<TopFinding> top_findings(const Findings& findings,
                                                   const Notices& notices);

enum class TopSort : std::uint8_t { tree, tasks, zombies, age, pids };

/// Where a row is shown.
struct TopPlace {
    std::size_t row = 0;  ///< index
    std::uint32_t depth = 0;
    bool branches = false;     ///< there are rows below it
    std::uint32_t hidden = 0;  ///< of these, not shown as it is folded
};

/// Every row once but those below folded ones. By number, largest first, what is not known last;
/// rows stay below their parents, but in a flat list. A row whose parent is not among the rows
/// begins a tree of its own.
[[nodiscard]] std::vector<TopPlace> top_order(std::span<const TopRow> rows, TopSort sort, bool flat,
                                              const std::set<TopId>& folded);

}  // namespace nstrail
