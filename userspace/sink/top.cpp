// SPDX-License-Identifier: Apache-2.0
#include "sink/top.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sink/columns.hpp"

namespace nstrail {

namespace {

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string_view sort_words(TopSort sort) {
    switch (sort) {
        case TopSort::tree:
            return "by number";
        case TopSort::tasks:
            return "most tasks first";
        case TopSort::zombies:
            return "most zombies first";
        case TopSort::age:
            return "oldest first";
        case TopSort::pids:
            return "most pid use first";
    }
    __builtin_unreachable();
}

/// Cut off where the width ends; what is chosen or a title is filled up to it.
TopLine fitted(const TopLine& line, std::size_t width) {
    TopLine out;
    std::size_t left = width;
    for (const TopSpan& span : line) {
        const std::size_t room = std::min(left, columns(span.text));
        out.push_back({.text = fit(span.text, room), .style = span.style});
        left -= room;
    }
    if (!out.empty() &&
        (out.back().style == TopStyle::chosen || out.back().style == TopStyle::titles)) {
        out.back().text += std::string(left, ' ');
    }
    return out;
}

/// The first so many of the paragraphs' lines, and how many more there would be.
std::vector<TopLine> cut_off(const std::vector<std::string>& paragraphs, std::size_t width,
                             std::size_t count) {
    std::vector<TopLine> lines;
    std::size_t more = 0;
    for (const std::string& paragraph : paragraphs) {
        for (std::string& line : wrap(paragraph, width)) {
            if (lines.size() == count) {
                more++;
            } else {
                lines.push_back({{.text = std::move(line), .style = TopStyle::plain}});
            }
        }
    }
    if (more != 0 && !lines.empty()) {
        lines.back() = {{.text = fmt::format("({} more)", counted(more + 1, "line", "lines")),
                         .style = TopStyle::faint}};
    }
    return lines;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace

// -- What is known.

void Top::take(const Publication& now) {
    state_ = top_state(now);
    if (!state_.synchronized) {
        return;  // and wants more
    }
    arrange();
    if (page_ == Page::findings) {
        findings_ = top_findings(now.findings, now.notices);
        findings_left_out_ = now.findings.left_out;
    }
    details_ = chosen_ ? top_details(now.view, *chosen_) : std::vector<std::string>{};
    wanting_ = false;
    settle();
}

void Top::arrange() {
    std::erase_if(folded_, [&](const TopId& id) {
        return !std::ranges::binary_search(state_.rows, id, {}, &TopRow::id);
    });
    places_ = top_order(state_.rows, sort_, flat_, folded_);
    // What was chosen stays so, wherever it is now.
    const auto found = std::ranges::find_if(places_, [&](const TopPlace& place) {
        return chosen_ && state_.rows[place.row].id == *chosen_;
    });
    Cursor& at = cursors_[static_cast<std::size_t>(Page::tree)];
    if (found != places_.end()) {
        at.chosen = static_cast<std::size_t>(found - places_.begin());
    }
    at.chosen = places_.empty() ? 0 : std::min(at.chosen, places_.size() - 1);
    chosen_ =
        places_.empty() ? std::nullopt : std::optional(state_.rows[places_[at.chosen].row].id);
}

const TopRow* Top::chosen_row() const {
    const std::size_t at = cursors_[static_cast<std::size_t>(Page::tree)].chosen;
    return at < places_.size() ? &state_.rows[places_[at].row] : nullptr;
}

// -- Keys.

void Top::press(TopKey key) {
    said_.clear();
    const auto page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(layout().body, 1));
    const auto all = static_cast<std::ptrdiff_t>(length());
    switch (key) {
        case TopKey::up:
            return move(-1);
        case TopKey::down:
            return move(1);
        case TopKey::page_up:
            return move(-page);
        case TopKey::page_down:
            return move(page);
        case TopKey::home:
            return move(-all);
        case TopKey::end:
            return move(all);
        case TopKey::fold: {
            const std::size_t at = cursor().chosen;
            if (page_ == Page::tree && at < places_.size() && places_[at].branches) {
                fold(places_[at].hidden == 0);
            }
            return;
        }
        case TopKey::shut:
            return fold(true);
        case TopKey::open:
            return fold(false);
        case TopKey::by_tree:
            return sort(TopSort::tree);
        case TopKey::by_tasks:
            return sort(TopSort::tasks);
        case TopKey::by_zombies:
            return sort(TopSort::zombies);
        case TopKey::by_age:
            return sort(TopSort::age);
        case TopKey::by_pids:
            return sort(TopSort::pids);
        case TopKey::flat:
            flat_ = !flat_;
            return sort(sort_);
        case TopKey::findings:
            return go(page_ == Page::findings ? Page::tree : Page::findings);
        case TopKey::help:
            return go(page_ == Page::help ? Page::tree : Page::help);
        case TopKey::back:
            return go(Page::tree);
    }
}

void Top::resize(std::size_t columns, std::size_t rows) {
    columns_ = columns;
    rows_ = rows;
    settle();
}

void Top::move(std::ptrdiff_t by) {
    Cursor& at = cursor();
    const auto last = static_cast<std::ptrdiff_t>(length()) - 1;
    const auto to = std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(at.chosen) + by, 0,
                                               std::max<std::ptrdiff_t>(last, 0));
    at.chosen = static_cast<std::size_t>(to);
    if (page_ == Page::tree) {
        const TopRow* row = chosen_row();
        const auto before = chosen_;
        chosen_ = row == nullptr ? std::nullopt : std::optional(row->id);
        if (chosen_ != before) {
            details_.clear();
            wanting_ = true;
        }
    }
    settle();
}

void Top::go(Page page) {
    page_ = page;
    wanting_ = wanting_ || page == Page::findings;
    settle();
}

void Top::sort(TopSort by) {
    // Whoever sorts wants to see what comes first; whoever does not, where the chosen one is.
    const bool first = by != sort_ && by != TopSort::tree;
    sort_ = by;
    page_ = Page::tree;
    arrange();
    if (first) {
        move(-static_cast<std::ptrdiff_t>(length()));
    }
    settle();
}

void Top::fold(bool shut) {
    const TopRow* row = chosen_row();
    if (page_ != Page::tree || row == nullptr || flat_) {
        return;
    }
    const TopPlace& place = places_[cursor().chosen];
    if (shut && (!place.branches || place.hidden != 0)) {
        const auto above = std::ranges::find_if(places_, [&](const TopPlace& one) {
            return state_.rows[one.row].id.inum == row->parent;
        });
        if (above != places_.end()) {
            move((above - places_.begin()) - static_cast<std::ptrdiff_t>(cursor().chosen));
        }
        return;
    }
    if (shut) {
        folded_.insert(row->id);
    } else {
        folded_.erase(row->id);
    }
    arrange();
    settle();
}

std::size_t Top::length() const {
    switch (page_) {
        case Page::tree:
            return places_.size();
        case Page::findings:
            return findings_.size();
        case Page::help:
            return help().size();
    }
    __builtin_unreachable();
}

/// What is chosen is within what is shown. Of the help, which has nothing to choose, that is the
/// first line.
void Top::settle() {
    Cursor& at = cursor();
    const std::size_t body = std::max<std::size_t>(layout().body, 1);
    const std::size_t all = length();
    const std::size_t furthest = all > body ? all - body : 0;
    if (page_ == Page::help) {
        at.chosen = at.first = std::min(at.chosen, furthest);
        return;
    }
    at.chosen = all == 0 ? 0 : std::min(at.chosen, all - 1);
    at.first = std::clamp(at.first, at.chosen + 1 > body ? at.chosen + 1 - body : 0, at.chosen);
    at.first = std::min(at.first, furthest);
}

// -- What it looks like.

Top::Layout Top::layout() const {
    Layout made;
    std::size_t left = rows_;
    const auto take_rows = [&](std::size_t count) {
        const std::size_t taken = std::min(left, count);
        left -= taken;
        return taken;
    };
    made.header = take_rows(rows_ >= 16 ? 4 : rows_ >= 10 ? 3 : 1);
    made.titles = take_rows(rows_ >= 4 && page_ != Page::help ? 1 : 0);
    made.footer = take_rows(rows_ >= 6 ? 1 : 0);
    if (page_ == Page::tree && rows_ >= 14) {
        made.details = take_rows(rows_ >= 30 ? 8 : rows_ >= 20 ? 6 : 4);
    } else if (page_ == Page::findings && rows_ >= 14) {
        made.details = take_rows(left / 2);
    }
    made.body = left;
    return made;
}

std::vector<TopLine> Top::lines() const {
    const Layout sizes = layout();
    std::vector<TopLine> out = header(sizes.header);
    const auto add = [&](std::vector<TopLine> more, std::size_t count) {
        more.resize(count);
        std::ranges::move(more, std::back_inserter(out));
    };
    add({titles()}, sizes.titles);
    add(body(sizes), sizes.body);
    if (sizes.details != 0) {
        add(panel(sizes.details), sizes.details);
    }
    add({footer()}, sizes.footer);
    for (TopLine& line : out) {
        line = fitted(line, columns_);
    }
    return out;
}

std::vector<TopLine> Top::header(std::size_t count) const {
    switch (count) {
        case 0:
            return {};
        case 1:
            return {one_line()};
        case 3: {
            TopLine both = trust(false);
            both.push_back({.text = "; ", .style = TopStyle::plain});
            std::ranges::move(found(), std::back_inserter(both));
            return {title(), counts(), std::move(both)};
        }
        default:
            return {title(), counts(), trust(true), found()};
    }
}

TopLine Top::title() const {
    const bool wall = state_.wall_ns != state_.at_boot_ns;
    const std::string when = wall ? rfc3339(state_.wall_ns).substr(0, 19) + "Z"
                                  : boot_seconds(state_.at_boot_ns) + "s after boot";
    return {
        {.text = "nstrail top  ", .style = TopStyle::strong},
        // The name last: it may be a long path, of which the end is cut off.
        {.text = fmt::format("{}  {}  {}", state_.mode.empty() ? "hooks ?" : state_.mode,
                             state_.at_boot_ns == 0 ? "time ?" : when, printable(subject_.name)),
         .style = TopStyle::plain}};
}

TopLine Top::counts() const {
    if (!state_.synchronized) {
        return {{.text = "tasks ?  zombies ?  pid namespaces ?  pids ?"}};
    }
    TopLine line{{.text = counted(state_.tasks - state_.zombies, "task", "tasks") + "  "},
                 {.text = counted(state_.zombies, "zombie", "zombies"),
                  .style = state_.zombies == 0 ? TopStyle::plain : TopStyle::caution},
                 {.text = fmt::format(
                      "  {} of {}", counted(state_.rows.size(), "pid namespace", "pid namespaces"),
                      counted(state_.namespaces, "namespace", "namespaces"))}};
    // Whoever has a number has one in the initial namespace.
    const auto initial = std::ranges::find_if(state_.rows, [](const TopRow& row) {
        return row.parent == 0 && row.pids.value && row.pid_limit;
    });
    if (initial != state_.rows.end()) {
        line.push_back({.text = fmt::format(
                            "  pids {} of {} ({})", at_least_text(initial->pids, subject_.unicode),
                            *initial->pid_limit, pid_use_text(*initial, subject_.unicode))});
    } else {
        line.push_back({.text = "  pids ?"});
    }
    return line;
}

TopLine Top::trust(bool with_doubt) const {
    TopLine line;
    if (state_.lost == 0) {
        line.push_back({.text = "nothing lost, "});
    } else {
        line.push_back({.text = fmt::format("LOST {}, ", counted(state_.lost, "event", "events")),
                        .style = TopStyle::alarm});
    }
    line.push_back(state_.certain ? TopSpan{.text = "certain"}
                                  : TopSpan{.text = "NOT CERTAIN", .style = TopStyle::alarm});
    if (with_doubt && !state_.doubt.empty()) {
        line.push_back({.text = ": " + printable(state_.doubt), .style = TopStyle::caution});
    }
    return line;
}

TopLine Top::found() const {
    TopLine line;
    line.push_back(state_.violations == 0
                       ? TopSpan{.text = "no violations"}
                       : TopSpan{.text = counted(state_.violations, "VIOLATION", "VIOLATIONS"),
                                 .style = TopStyle::alarm});
    line.push_back(
        {.text = fmt::format(", {} unknown, {} notable", state_.unknown, state_.notable)});
    if (state_.uncheckable != 0) {
        line.push_back({.text = fmt::format("; {} cannot be checked here",
                                            counted(state_.uncheckable, "rule", "rules")),
                        .style = TopStyle::caution});
    }
    return line;
}

/// Of a terminal with room for no more: what is wrong, else how much there is.
TopLine Top::one_line() const {
    TopLine line;
    if (state_.lost != 0 || !state_.certain) {
        line = trust(false);
        line.push_back({.text = "  "});
    }
    if (state_.violations != 0) {
        line.push_back({.text = counted(state_.violations, "VIOLATION", "VIOLATIONS") + "  ",
                        .style = TopStyle::alarm});
    }
    std::ranges::move(counts(), std::back_inserter(line));
    return line;
}

TopLine Top::titles() const {
    if (page_ == Page::findings) {
        return {{.text = fmt::format("FINDINGS{}", findings_left_out_ == 0
                                                       ? ""
                                                       : fmt::format(" (and {} that were not kept)",
                                                                     findings_left_out_)),
                 .style = TopStyle::titles}};
    }
    return {{.text = table().titles(), .style = TopStyle::titles}};
}

TopTable Top::table() const {
    std::size_t name = 0;
    for (const TopPlace& place : places_) {
        name = std::max(name, top_name_width(place));
    }
    return TopTable::of(columns_, name, subject_.unicode);
}

std::vector<TopLine> Top::body(const Layout& sizes) const {
    const Cursor& at = cursor();
    std::vector<TopLine> out;
    if (page_ == Page::help) {
        for (const std::string& line : help()) {
            out.push_back({{.text = line}});
        }
        out.erase(out.begin(),
                  out.begin() + static_cast<std::ptrdiff_t>(std::min(at.first, out.size())));
        return out;
    }
    if (!state_.synchronized) {
        return {{{.text = "the first snapshot is not complete"}}};
    }
    if (length() == 0) {
        return {{{.text = page_ == Page::findings ? "nothing was found" : "no pid namespaces"}}};
    }
    const TopTable shown = table();
    for (std::size_t i = at.first; i < length() && i - at.first < sizes.body; i++) {
        if (page_ == Page::tree) {
            out.push_back(row(shown, places_[i], i == at.chosen));
            continue;
        }
        const TopFinding& one = findings_[i];
        out.push_back({{.text = one.line,
                        .style = i == at.chosen  ? TopStyle::chosen
                                 : one.violation ? TopStyle::alarm
                                                 : TopStyle::plain}});
    }
    return out;
}

TopLine Top::row(const TopTable& table, const TopPlace& place, bool chosen) const {
    const TopRow& row = state_.rows[place.row];
    const bool ending = row.state == NsState::dying || row.state == NsState::zapping;
    const TopStyle style = chosen                        ? TopStyle::chosen
                           : row.zombies != 0 || ending  ? TopStyle::caution
                           : row.state == NsState::empty ? TopStyle::faint
                                                         : TopStyle::plain;
    return {{.text = table.row(row, place), .style = style}};
}

std::vector<TopLine> Top::panel(std::size_t count) const {
    std::vector<TopLine> out{{{.text = std::string(columns_, '-'), .style = TopStyle::faint}}};
    std::vector<std::string> said;
    if (page_ == Page::tree) {
        said = details_;
    } else if (cursor().chosen < findings_.size()) {
        const TopFinding& one = findings_[cursor().chosen];
        said = lines_of(one.line + "\n" + one.proof);
    }
    std::ranges::move(cut_off(said, columns_, count - 1), std::back_inserter(out));
    return out;
}

TopLine Top::footer() const {
    if (!said_.empty()) {
        return {{.text = said_, .style = TopStyle::strong}};
    }
    if (page_ != Page::tree) {
        return {{.text = "q quit  Esc back to the tree", .style = TopStyle::faint}};
    }
    return {
        {.text = fmt::format("{}, {}", flat_ ? "list" : "tree", sort_words(sort_)),
         .style = TopStyle::strong},
        {.text = fmt::format("  q quit  ? help  t z a p n sort  f {}  Enter fold  Tab findings{}",
                             flat_ ? "tree" : "list", subject_.recorded ? "  < > time" : ""),
         .style = TopStyle::faint}};
}

std::vector<std::string> Top::help() const {
    std::vector<std::string> paragraphs{
        "q, Ctrl-C   quit",
        "up, down, PgUp, PgDn, Home, End   choose; of what is chosen more is told below",
        "t   most tasks first",
        "z   most zombies first",
        "a   oldest first",
        "p   most pid use first",
        "n   by number, not sorted",
        "f   a flat list, and a tree again",
        "Enter, Space, left, right   fold and unfold",
        "Tab, v   what the rules found and what was noticed, and back",
        "?, h   this, and back; Esc   back to the tree",
    };
    if (subject_.recorded) {
        paragraphs.emplace_back("<, >   earlier, later in the recording");
    }
    const std::string least = subject_.unicode ? "≥" : ">=";
    for (std::string one :
         {std::string(),
          "? is not known. " + least +
              " is at least: of a namespace whose making was not seen the age is that of its init, "
              "or since it was first seen; and where no snapshot has just counted pids, those of "
              "its "
              "tasks are. A ? after a number: it may have ended, and the event was lost.",
          std::string("TASKS are without zombies. USE is PIDS of MAX. A sorted tree keeps "
                      "namespaces below their parents; a list does not.")}) {
        paragraphs.push_back(std::move(one));
    }
    if (!state_.doubt.empty()) {
        paragraphs.emplace_back();
        paragraphs.push_back("Doubt: " + printable(state_.doubt) + ".");
    }
    std::vector<std::string> lines;
    for (const std::string& paragraph : paragraphs) {
        auto broken = wrap(paragraph, columns_);
        if (broken.empty()) {
            broken.emplace_back();
        }
        std::ranges::move(broken, std::back_inserter(lines));
    }
    return lines;
}

}  // namespace nstrail
