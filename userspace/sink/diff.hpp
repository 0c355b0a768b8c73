// SPDX-License-Identifier: Apache-2.0
// What came, went or moved between two moments, written for programs and for people.
#pragma once

#include <string>

#include "model/view.hpp"

namespace nstrail {

/// The document nstrail.diff/1. Ends without a newline.
[[nodiscard]] std::string diff_json(const View& before, const View& after);
/// The same for a terminal.
[[nodiscard]] std::string diff_text(const View& before, const View& after);

}  // namespace nstrail
