// SPDX-License-Identifier: Apache-2.0
// The terminal: the only user of ncurses.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "sink/top.hpp"

namespace nstrail {

/// What a key asks for besides what Top does by itself.
enum class ScreenKey : std::uint8_t { quit, earlier, later };

/// There is one at a time, and one thread at a time uses it. That thread alone may get SIGTSTP and
/// SIGWINCH, whose handlers draw.
class Screen {
public:
    /// Whether stdin and stdout are a terminal that can be drawn on. Changes nothing of it.
    [[nodiscard]] static Result<void> possible();
    /// Takes the terminal over; the locale is to be set before.
    [[nodiscard]] static Result<std::unique_ptr<Screen>> open();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    /// Gives the terminal back as it was.
    ~Screen();

    [[nodiscard]] std::size_t columns() const;
    [[nodiscard]] std::size_t rows() const;
    void paint(const std::vector<TopLine>& lines);

    using Key = std::variant<TopKey, ScreenKey>;
    /// The next key that was pressed and means something; empty = there is none yet.
    [[nodiscard]] std::optional<Key> key();
    /// Until a key is pressed, the size changes, a signal comes or `wake` can be read, at most so
    /// long. Returns false once the terminal is gone.
    [[nodiscard]] bool wait(std::chrono::milliseconds most, int wake) const;

private:
    Screen(void* handle, bool coloured);

    void* handle_;
    bool coloured_;
};

}  // namespace nstrail
