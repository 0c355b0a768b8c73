// SPDX-License-Identifier: Apache-2.0
#include "app/screen.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

// Its macros have the names of half of the language.
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>
// And these term.h defines all the same.
#undef columns
#undef lines

namespace nstrail {

namespace {

constexpr const char* draws = "draw on the terminal";

enum Pair : short { red = 1, yellow };

attr_t attributes_of(TopStyle style, bool coloured) {
    switch (style) {
        case TopStyle::plain:
            return A_NORMAL;
        case TopStyle::strong:
            return A_BOLD;
        case TopStyle::alarm:
            return A_BOLD | (coloured ? COLOR_PAIR(red) : 0);
        case TopStyle::caution:
            return coloured ? COLOR_PAIR(yellow) : A_NORMAL;
        case TopStyle::faint:
            return A_DIM;
        case TopStyle::titles:
            return A_BOLD | A_UNDERLINE;
        case TopStyle::chosen:
            return A_REVERSE;
    }
    __builtin_unreachable();
}

std::optional<Screen::Key> meaning(int key) {
    switch (key) {
        case KEY_UP:
        case 'k':
            return TopKey::up;
        case KEY_DOWN:
        case 'j':
            return TopKey::down;
        case KEY_PPAGE:
            return TopKey::page_up;
        case KEY_NPAGE:
            return TopKey::page_down;
        case KEY_HOME:
        case 'g':
            return TopKey::home;
        case KEY_END:
        case 'G':
            return TopKey::end;
        case KEY_ENTER:
        case '\n':
        case '\r':
        case ' ':
            return TopKey::fold;
        case KEY_LEFT:
            return TopKey::shut;
        case KEY_RIGHT:
            return TopKey::open;
        case 'n':
            return TopKey::by_tree;
        case 't':
            return TopKey::by_tasks;
        case 'z':
            return TopKey::by_zombies;
        case 'a':
            return TopKey::by_age;
        case 'p':
            return TopKey::by_pids;
        case 'f':
            return TopKey::flat;
        case '\t':
        case 'v':
            return TopKey::findings;
        case '?':
        case 'h':
            return TopKey::help;
        case '\x1b':
            return TopKey::back;
        case '<':
        case ',':
            return ScreenKey::earlier;
        case '>':
        case '.':
            return ScreenKey::later;
        case 'q':
            return ScreenKey::quit;
        default:
            return std::nullopt;
    }
}

}  // namespace

Result<void> Screen::possible() {
    const std::string once = "`nstrail tree` prints the tree once, to anywhere";
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
        return fail(draws, isatty(STDIN_FILENO) == 0 ? "stdin is none" : "stdout is none", once);
    }
    const char* term = std::getenv("TERM");
    int found = 0;
    if (term == nullptr || *term == '\0' || setupterm(term, STDOUT_FILENO, &found) != OK) {
        return fail(draws,
                    term == nullptr || *term == '\0'
                        ? std::string("TERM does not say what it is")
                        : fmt::format("there is no description of TERM={} here", term),
                    "set TERM, e.g. TERM=xterm; " + once);
    }
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): not written to
    const char* moves = tigetstr(const_cast<char*>("cup"));
    const bool able = moves != nullptr && moves != reinterpret_cast<const char*>(-1);
    del_curterm(cur_term);
    if (!able) {
        return fail(draws, fmt::format("one of TERM={} cannot move its cursor", term),
                    "set TERM to what it is; " + once);
    }
    return {};
}

Result<std::unique_ptr<Screen>> Screen::open() {
    SCREEN* handle = newterm(nullptr, stdout, stdin);
    if (handle == nullptr) {
        return fail(draws, "ncurses cannot use it", "set TERM to what it is");
    }
    set_escdelay(100);
    const char* none = std::getenv("NO_COLOR");
    const bool coloured = (none == nullptr || *none == '\0') && has_colors();
    if (coloured) {
        start_color();
        use_default_colors();
        init_pair(red, COLOR_RED, -1);
        init_pair(yellow, COLOR_YELLOW, -1);
    }
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, true);
    nodelay(stdscr, true);
    intrflush(stdscr, false);
    return std::unique_ptr<Screen>(new Screen(handle, coloured));
}

Screen::Screen(void* handle, bool coloured) : handle_(handle), coloured_(coloured) {}

Screen::~Screen() {
    endwin();
    delscreen(static_cast<SCREEN*>(handle_));
}

std::size_t Screen::columns() const {
    return static_cast<std::size_t>(getmaxx(stdscr));
}

std::size_t Screen::rows() const {
    return static_cast<std::size_t>(getmaxy(stdscr));
}

void Screen::paint(const std::vector<TopLine>& lines) {
    erase();
    int y = 0;
    for (const TopLine& line : lines) {
        move(y++, 0);
        for (const TopSpan& span : line) {
            attrset(static_cast<int>(attributes_of(span.style, coloured_)));
            // Of the last character of the last row it says that the cursor cannot go on.
            addnstr(span.text.data(), static_cast<int>(span.text.size()));
        }
    }
    attrset(A_NORMAL);
    refresh();
}

std::optional<Screen::Key> Screen::key() {
    for (int key = getch(); key != ERR; key = getch()) {
        if (auto known = meaning(key)) {
            return known;
        }
    }
    return std::nullopt;
}

bool Screen::wait(std::chrono::milliseconds most, int wake) const {
    std::array<pollfd, 2> fds{pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                              pollfd{.fd = wake, .events = POLLIN, .revents = 0}};
    if (poll(fds.data(), fds.size(), static_cast<int>(most.count())) < 0) {
        return errno == EINTR;
    }
    return (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

}  // namespace nstrail
