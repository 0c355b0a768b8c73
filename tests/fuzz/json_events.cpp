// SPDX-License-Identifier: Apache-2.0
// Any bytes as a stream of JSON lines.
#include <string>

#include "event/format.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/records.hpp"
#include "source/script.hpp"

using namespace nstrail;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::as_text(data, size));
    ScriptSource source(text);
    std::size_t events = 0;
    while (!source.ended()) {
        const auto polled = source.poll([&](const Event& event) {
            events++;
            fuzz::check_forms(event);
        });
        require(polled || source.ended(), "nothing comes after a fault");
    }
    // An event of JSON holds nothing that JSON does not tell.
    if (const auto read = parse_event(text)) {
        const auto event = read->event();
        require(event.has_value(), "what is read is an event");
        const auto again = parse_event(to_json(*event));
        require(again && std::ranges::equal(again->event()->bytes(), event->bytes()),
                "what was read is written and read as it was");
    }
    return 0;
}
