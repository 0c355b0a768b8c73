// SPDX-License-Identifier: Apache-2.0
#include "fuzz/fuzz.hpp"

#include <cstdio>
#include <cstdlib>

namespace nstrail::fuzz {

void require(bool holds, std::string_view what, std::source_location where) {
    if (!holds) {
        std::fprintf(stderr, "%s:%u: does not hold: %.*s\n", where.file_name(), where.line(),
                     static_cast<int>(what.size()), what.data());
        std::abort();
    }
}

}  // namespace nstrail::fuzz
