// SPDX-License-Identifier: Apache-2.0
// What `nstrail top` shows: pages of lines that follow what is known, the keys and the size of the
// terminal. No terminal in it: see app/screen.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sink/board.hpp"
#include "sink/top_rows.hpp"
#include "sink/top_table.hpp"

namespace nstrail {

enum class TopKey : std::uint8_t {
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    fold,     ///< or unfold
    shut,     ///< fold; of what has nothing to fold, to its parent
    open,     ///< unfold
    by_tree,  ///< no sorting
    by_tasks,
    by_zombies,
    by_age,
    by_pids,
    flat,      ///< a list, or a tree again
    findings,  ///< to that page, or back
    help,      ///< to that page, or back
    back,      ///< to the tree
};

enum class TopStyle : std::uint8_t { plain, strong, alarm, caution, faint, titles, chosen };

struct TopSpan {
    std::string text;  ///< printable in this locale
    TopStyle style = TopStyle::plain;
};
using TopLine = std::vector<TopSpan>;

/// One thread. Nothing that is taken in is kept but what is shown.
class Top {
public:
    struct Subject {
        std::string name;       ///< what is looked at: "live", or a recording
        bool recorded = false;  ///< it can be stepped through
        bool unicode = true;    ///< what the locale can print
    };
    explicit Top(Subject subject) : subject_(std::move(subject)) {}

    void take(const Publication& now);
    void press(TopKey key);
    void resize(std::size_t columns, std::size_t rows);
    void rename(std::string name) { subject_.name = std::move(name); }
    /// Something to say at the bottom; empty = nothing.
    void say(std::string words) { said_ = std::move(words); }

    /// A key chose something of which only another take() can tell all.
    [[nodiscard]] bool wanting() const { return wanting_; }
    /// One for each row of the terminal, none wider than it.
    [[nodiscard]] std::vector<TopLine> lines() const;

private:
    enum class Page : std::uint8_t { tree, findings, help };
    struct Cursor {
        std::size_t chosen = 0;
        std::size_t first = 0;  // that is shown
    };
    struct Layout {
        std::size_t header = 0;
        std::size_t titles = 0;
        std::size_t body = 0;
        std::size_t details = 0;  // with the line above them
        std::size_t footer = 0;
    };

    [[nodiscard]] Layout layout() const;
    [[nodiscard]] std::size_t length() const;
    [[nodiscard]] Cursor& cursor() { return cursors_[static_cast<std::size_t>(page_)]; }
    [[nodiscard]] const Cursor& cursor() const { return cursors_[static_cast<std::size_t>(page_)]; }
    [[nodiscard]] const TopRow* chosen_row() const;
    void move(std::ptrdiff_t by);
    void go(Page page);
    void sort(TopSort by);
    void fold(bool shut);
    void arrange();
    void settle();

    [[nodiscard]] TopLine title() const;
    [[nodiscard]] TopLine counts() const;
    [[nodiscard]] TopLine trust(bool with_doubt) const;
    [[nodiscard]] TopLine found() const;
    [[nodiscard]] TopLine one_line() const;
    [[nodiscard]] std::vector<TopLine> header(std::size_t count) const;
    [[nodiscard]] TopLine titles() const;
    [[nodiscard]] std::vector<TopLine> body(const Layout& sizes) const;
    [[nodiscard]] TopTable table() const;
    [[nodiscard]] TopLine row(const TopTable& table, const TopPlace& place, bool chosen) const;
    [[nodiscard]] std::vector<TopLine> panel(std::size_t count) const;
    [[nodiscard]] TopLine footer() const;
    [[nodiscard]] std::vector<std::string> help() const;

    Subject subject_;
    TopState state_;
    std::vector<TopPlace> places_;
    std::vector<TopFinding> findings_;
    std::uint64_t findings_left_out_ = 0;
    std::vector<std::string> details_;  // of what is chosen on the tree
    std::optional<TopId> chosen_;
    std::set<TopId> folded_;
    TopSort sort_ = TopSort::tree;
    bool flat_ = false;
    Page page_ = Page::tree;
    Cursor cursors_[3];
    std::size_t columns_ = 80;
    std::size_t rows_ = 24;
    std::string said_;
    bool wanting_ = true;
};

}  // namespace nstrail
