// SPDX-License-Identifier: Apache-2.0
// Events written as JSON lines, one each: what `nstrail live --json --all` printed, or a test
// wrote.
#pragma once

#include <istream>
#include <memory>
#include <string>

#include "source/source.hpp"

namespace nstrail {

class ScriptSource final : public Source {
public:
    /// Reads from a file, line by line: it may be larger than memory.
    [[nodiscard]] static Result<std::unique_ptr<ScriptSource>> open(const std::string& path);
    /// Reads from a text. `name` stands for the file in errors.
    explicit ScriptSource(std::string text, std::string name = "script");

    /// Delivers the next lines, a bounded number at a time. Empty lines are skipped. A line that is
    /// no event is an Error that names it; the lines before it were delivered, and nothing comes
    /// after.
    [[nodiscard]] Result<std::size_t> poll(const EventHandler& handle) override;
    [[nodiscard]] bool ended() const override { return ended_; }

private:
    ScriptSource(std::unique_ptr<std::istream> lines, std::string name);

    std::unique_ptr<std::istream> lines_;
    std::string name_;
    std::size_t line_ = 0;  // number of the line read last, from 1
    bool ended_ = false;
};

}  // namespace nstrail
