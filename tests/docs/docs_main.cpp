// SPDX-License-Identifier: Apache-2.0
// Prints documentation that is generated from declarations: nstrail-docs events > docs/EVENTS.md,
// nstrail-docs metrics > docs/METRICS.md, nstrail-docs rules > docs/RULES.md, nstrail-docs filter
// for the tables in docs/FILTER.md; and the addresses that are served, for docs/openapi.json
#include <cstdio>
#include <string>
#include <string_view>

#include "event/filter.hpp"
#include "event/format.hpp"
#include "sink/findings.hpp"
#include "sink/metrics.hpp"
#include "sink/web.hpp"

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    std::string text;
    if (what == "events") {
        text = nstrail::events_markdown();
    } else if (what == "metrics") {
        text = nstrail::metrics_markdown();
    } else if (what == "rules") {
        text = nstrail::rules_markdown();
    } else if (what == "filter") {
        text = nstrail::filter_markdown();
    } else if (what == "paths") {
        for (const std::string_view path : nstrail::web_paths()) {
            text.append(path).append("\n");
        }
    } else {
        std::fputs("usage: nstrail-docs events|metrics|rules|filter|paths\n", stderr);
        return 2;
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return written && std::fflush(stdout) == 0 ? 0 : 1;
}
