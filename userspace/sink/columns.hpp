// SPDX-License-Identifier: Apache-2.0
// How much room text takes on a terminal, as the locale (LC_CTYPE) and wcwidth() have it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nstrail {

/// The columns that the text takes. Of what the locale cannot print each character takes one.
[[nodiscard]] std::size_t columns(std::string_view text);

/// The text in exactly so many columns: cut off, or filled up with blanks. What the locale cannot
/// print becomes '?', and so do control characters.
[[nodiscard]] std::string fit(std::string_view text, std::size_t width);
/// The same with the blanks ahead of it.
[[nodiscard]] std::string fit_right(std::string_view text, std::size_t width);

/// Lines of at most so many columns, broken at blanks where there are any; none of an empty text.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace nstrail
