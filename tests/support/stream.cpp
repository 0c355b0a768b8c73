// SPDX-License-Identifier: Apache-2.0
#include "support/stream.hpp"

#include <algorithm>

#include "source/script.hpp"

namespace nstrail::test {

std::vector<EventBuffer> read_stream(const std::string& path) {
    std::vector<EventBuffer> events;
    auto source = ScriptSource::open(path);
    while (source && !(*source)->ended()) {
        const auto polled = (*source)->poll([&](const Event& event) {
            EventBuffer& copy = events.emplace_back(event.bytes().size());
            std::ranges::copy(event.bytes(), copy.bytes().begin());
        });
        if (!polled) {
            return {};
        }
    }
    return events;
}

}  // namespace nstrail::test
