// SPDX-License-Identifier: Apache-2.0
// Where a command writes a document to: stdout, or a file that is there once it is whole.
#pragma once

#include <string>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace nstrail {

class Output {
public:
    /// An empty path or - is stdout. A file is written under another name beside it; what is no
    /// file, such as a pipe or a device, is written to as it is.
    [[nodiscard]] static Result<Output> open(const std::string& path);
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    Output(Output&& other) noexcept;
    Output& operator=(Output&&) = delete;
    /// Without commit() there is no file, and one that was there before is as it was.
    ~Output();

    /// All of the text, which it clears.
    [[nodiscard]] Result<void> write(fmt::memory_buffer& text);
    [[nodiscard]] Result<void> write(std::string_view text);
    /// All was written: the file gets its name.
    [[nodiscard]] Result<void> commit();
    [[nodiscard]] bool to_stdout() const { return !file_; }

private:
    Output(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}

    std::string path_;
    std::string temporary_;  // until it has its name; empty = written to as it is
    Fd file_;                // none = stdout
};

}  // namespace nstrail
