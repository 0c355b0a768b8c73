// SPDX-License-Identifier: Apache-2.0
// Prints documentation that is generated from declarations: nstrail-docs events > docs/EVENTS.md
#include <cstdio>
#include <string_view>

#include "event/format.hpp"

int main(int argc, char** argv) {
    if (argc != 2 || std::string_view(argv[1]) != "events") {
        std::fputs("usage: nstrail-docs events\n", stderr);
        return 2;
    }
    const std::string text = nstrail::events_markdown();
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                   std::fflush(stdout) == 0
               ? 0
               : 1;
}
