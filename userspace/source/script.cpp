// SPDX-License-Identifier: Apache-2.0
#include "source/script.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "event/format.hpp"

namespace nstrail {

namespace {

// A caller that wants to stop, or to look at a clock, gets a chance after so many.
constexpr std::size_t lines_per_poll = 4096;

// What `nstrail live` adds to a stream is no event: the rules find it again.
constexpr std::string_view finding = R"({"kind":"finding",)";
constexpr std::string_view notable = R"({"kind":"notable",)";

bool blank(const std::string& line) {
    return std::ranges::all_of(line, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
}

}  // namespace

ScriptSource::ScriptSource(std::unique_ptr<std::istream> lines, std::string name)
    : lines_(std::move(lines)), name_(std::move(name)) {}

ScriptSource::ScriptSource(std::string text, std::string name)
    : ScriptSource(std::make_unique<std::istringstream>(std::move(text)), std::move(name)) {}

Result<std::unique_ptr<ScriptSource>> ScriptSource::open(const std::string& path) {
    errno = 0;
    auto file = std::make_unique<std::ifstream>(path);
    if (!file->is_open()) {
        return fail("open " + path, errno != 0 ? errno : EIO);
    }
    return std::unique_ptr<ScriptSource>(new ScriptSource(std::move(file), path));
}

Result<std::size_t> ScriptSource::poll(const EventHandler& handle) {
    std::size_t delivered = 0;
    std::string line;
    for (std::size_t i = 0; i < lines_per_poll && !ended_; i++) {
        errno = 0;
        if (!std::getline(*lines_, line)) {
            ended_ = true;
            if (lines_->bad()) {
                // A directory opens, and fails only here.
                return fail("read " + name_, errno != 0 ? errno : EIO);
            }
            break;
        }
        line_++;
        if (blank(line) || line.starts_with(finding) || line.starts_with(notable)) {
            continue;
        }
        const bool cut = lines_->eof();
        const auto fault = [&](const Error& error) {
            ended_ = true;
            return fail(
                fmt::format("read {}, line {}", name_, line_), error.line(),
                cut ? "it is the last line and has no end: the writer was interrupted" : "");
        };
        const auto buffer = parse_event(line);
        if (!buffer) {
            return fault(buffer.error());
        }
        const auto event = buffer->event();
        if (!event) {
            return fault(event.error());
        }
        handle(*event);
        delivered++;
    }
    return delivered;
}

}  // namespace nstrail
