// SPDX-License-Identifier: Apache-2.0
#include "sink/top_table.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sink/columns.hpp"

namespace nstrail {

namespace {

using Column = TopTable::Column;

struct ColumnKind {
    Column column;
    std::string_view title;
    std::size_t least;
    std::size_t most;
    bool right;
};
// In the order in which they find room.
constexpr std::array<ColumnKind, 9> kinds{
    ColumnKind{Column::name, "PID NAMESPACE", 11, 40, false},
    ColumnKind{Column::tasks, "TASKS", 6, 6, true},
    ColumnKind{Column::zombies, "ZOMBIES", 7, 7, true},
    ColumnKind{Column::state, "STATE", 7, 7, false},
    ColumnKind{Column::age, "AGE", 8, 8, true},
    ColumnKind{Column::use, "USE", 6, 6, true},
    ColumnKind{Column::pids, "PIDS/MAX", 16, 16, true},
    ColumnKind{Column::reaper, "REAPER", 8, 24, false},
    ColumnKind{Column::container, "CONTAINER", 12, 40, false},
};

const ColumnKind& kind_of_column(Column column) {
    return *std::ranges::find(kinds, column, &ColumnKind::column);
}

std::string_view at_least(bool unicode) {
    return unicode ? "≥" : ">=";
}

// As deep as the kernel allows would leave no room for the number.
constexpr std::uint32_t deepest = 12;

std::string name_of(const TopRow& row, const TopPlace& place, bool unicode) {
    const std::string_view marker = !place.branches     ? " "
                                    : place.hidden != 0 ? (unicode ? "▸" : "+")
                                                        : (unicode ? "▾" : "-");
    return fmt::format("{}{}{}{}{}",
                       std::string(std::size_t{2} * std::min(place.depth, deepest), ' '), marker,
                       row.id.inum, row.certain ? "" : "?",
                       place.hidden == 0 ? "" : fmt::format(" +{}", place.hidden));
}

std::string cell(Column column, const TopRow& row, const TopPlace& place, bool unicode) {
    switch (column) {
        case Column::name:
            return name_of(row, place, unicode);
        case Column::state:
            return std::string(ns_state_name(row.state));
        case Column::tasks:
            return std::to_string(row.tasks);
        case Column::zombies:
            return std::to_string(row.zombies);
        case Column::age:
            return row.age_ns.value ? fmt::format("{}{}", row.age_ns.exact ? "" : at_least(unicode),
                                                  duration(*row.age_ns.value))
                                    : "?";
        case Column::pids:
            return fmt::format("{}/{}", at_least_text(row.pids, unicode),
                               row.pid_limit ? std::to_string(*row.pid_limit) : "?");
        case Column::use:
            return pid_use_text(row, unicode);
        case Column::reaper:
            // One that is exiting, or was never there, is none.
            return !row.reaper.empty() ? row.reaper : row.state == NsState::alive ? "?" : "none";
        case Column::container:
            return row.container;
    }
    __builtin_unreachable();
}

}  // namespace

std::size_t top_name_width(const TopPlace& place) {
    constexpr std::size_t number = 1 + 10 + 1;
    return (2 * std::size_t{std::min(place.depth, deepest)}) + number +
           (place.hidden == 0 ? 0 : 1 + fmt::formatted_size(" {}", place.hidden));
}

std::string at_least_text(const AtLeast& number, bool unicode) {
    return number.value ? fmt::format("{}{}", number.exact ? "" : at_least(unicode), *number.value)
                        : "?";
}

std::string pid_use_text(const TopRow& row, bool unicode) {
    if (!row.pids.value || !row.pid_limit || *row.pid_limit == 0) {
        return "?";
    }
    const double percent = 100.0 * static_cast<double>(*row.pids.value) / *row.pid_limit;
    return fmt::format("{}{:.{}f}%", row.pids.exact ? "" : at_least(unicode), percent,
                       percent < 10 ? 1 : 0);
}

TopTable TopTable::of(std::size_t width, std::size_t name, bool unicode) {
    TopTable table;
    table.unicode = unicode;
    std::size_t left = width;
    for (const ColumnKind& kind : kinds) {
        const std::size_t gap = table.columns.empty() ? 0 : 1;
        if (table.columns.empty() || kind.least + gap <= left) {
            const std::size_t room = std::min(kind.least, left - gap);
            table.columns.push_back({.column = kind.column, .width = room});
            left -= room + gap;
        }
    }
    for (const Column wide : {Column::name, Column::container, Column::reaper}) {
        const auto shown = std::ranges::find(table.columns, wide, &Shown::column);
        if (shown == table.columns.end()) {
            continue;
        }
        const std::size_t wanted =
            wide == Column::name
                ? std::clamp(name, kind_of_column(wide).title.size(), kind_of_column(wide).most)
                : kind_of_column(wide).most;
        const std::size_t more = std::min(left, wanted - std::min(wanted, shown->width));
        shown->width += more;
        left -= more;
    }
    std::ranges::sort(table.columns, {}, &Shown::column);
    return table;
}

std::string TopTable::titles() const {
    std::string out;
    for (const Shown& one : columns) {
        const ColumnKind& kind = kind_of_column(one.column);
        out += out.empty() ? "" : " ";
        out += kind.right ? fit_right(kind.title, one.width) : fit(kind.title, one.width);
    }
    return out;
}

std::string TopTable::row(const TopRow& row, const TopPlace& place) const {
    std::string out;
    for (const Shown& one : columns) {
        const std::string text = cell(one.column, row, place, unicode);
        out += out.empty() ? "" : " ";
        out += kind_of_column(one.column).right ? fit_right(text, one.width) : fit(text, one.width);
    }
    return out;
}

}  // namespace nstrail
