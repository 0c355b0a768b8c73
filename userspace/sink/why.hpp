// SPDX-License-Identifier: Apache-2.0
// What keeps a namespace alive, written for programs and for people.
#pragma once

#include <string>

#include "model/why.hpp"

namespace nstrail {

/// The document nstrail.why/1. Ends without a newline. `note`: what else makes it incomplete.
[[nodiscard]] std::string why_json(const View& view, const Namespace& ns,
                                   const std::string& note = {});
/// The same for a terminal.
[[nodiscard]] std::string why_text(const View& view, const Namespace& ns,
                                   const std::string& note = {});
/// One holder in a few words: "fd 7 of sleep (812)".
[[nodiscard]] std::string hold_words(const Hold& hold);

}  // namespace nstrail
