// SPDX-License-Identifier: Apache-2.0
// make_recording DIR BOOT COPIES: a recording of a boot of that id, whose events are those of
// fixtures/debian-6.12-scenes.jsonl, so many times.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "record/recordings.hpp"

int main(int argc, char** argv) {
    using namespace nstrail;
    if (argc != 4) {
        return 2;
    }
    auto events = test::scenes();
    EventBuffer& first = events.front();
    nst_session session = first.event()->as<nst_session>();
    std::fill(std::begin(session.boot_id), std::end(session.boot_id), '\0');
    copy_text(session.boot_id, argv[2]);
    first = EventBuffer::make(session);
    const auto copies = static_cast<std::size_t>(std::atoi(argv[3]));
    const std::size_t once = events.size();
    for (std::size_t copy = 1; copy < copies; copy++) {
        for (std::size_t i = 1; i < once; i++) {
            events.push_back(events[i]);
        }
    }
    WriterOptions options = test::small_chunks(argv[1]);
    options.chunk_bytes = std::uint64_t{1} << 20;
    test::write_recording(options, events, [](Writer& writer, std::size_t i) {
        // Part-filled packets, as a recorder seals them every second.
        if (i % 500 == 0) {
            writer.flush();
        }
    });
    return testing::Test::HasFailure() ? 1 : 0;
}
