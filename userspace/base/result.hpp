// SPDX-License-Identifier: Apache-2.0
// Recoverable errors are values: what failed, why, and what to do next.
#pragma once

#include <expected>
#include <string>

namespace nstrail {

struct Error {
    std::string what;  ///< what was tried, e.g. "listen on 127.0.0.1:9977"
    std::string why;   ///< the reason, in the system's words where there are any
    std::string next;  ///< what the user can do about it; may be empty

    /// One line: "what: why; next".
    [[nodiscard]] std::string line() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// An Error ready to return, from errno-style codes (why = strerror(code)) or words.
[[nodiscard]] std::unexpected<Error> fail(std::string what, int code, std::string next = {});
[[nodiscard]] std::unexpected<Error> fail(std::string what, std::string why, std::string next = {});

}  // namespace nstrail
