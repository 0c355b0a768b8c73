// SPDX-License-Identifier: Apache-2.0
#include "sink/web_counts.hpp"

#include <algorithm>

namespace nstrail {

std::string_view turned_away_name(TurnedAway reason) {
    constexpr std::string_view names[] = {"connections", "timeout", "head", "tls",
                                          "method",      "body",    "host", "credential"};
    static_assert(std::size(names) == turned_away_count);
    return names[static_cast<std::size_t>(reason)];
}

WebFigures WebCounts::figures() const {
    WebFigures now;
    std::ranges::copy(requests, now.requests.begin());
    std::ranges::copy(answers, now.answers.begin());
    std::ranges::copy(turned_away, now.turned_away.begin());
    now.connections = connections;
    now.connection_limit = connection_limit;
    return now;
}

}  // namespace nstrail
