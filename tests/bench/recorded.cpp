// SPDX-License-Identifier: Apache-2.0
#include "bench/recorded.hpp"

#include <cstdlib>
#include <filesystem>

#include "support/stream.hpp"

namespace nstrail::test {

const std::vector<EventBuffer>& recorded_stream() {
    static const auto all = [] {
        auto events = read_stream(FIXTURES "/debian-6.12-scenes.jsonl");
        if (events.empty()) {
            std::abort();
        }
        return events;
    }();
    return all;
}

std::unique_ptr<Writer> open_writer(const std::string& path, bool compress) {
    WriterOptions options;
    options.store.path = path;
    options.store.max_bytes = std::uint64_t{8} << 30;
    options.store.compress = compress;
    auto writer = Writer::open(options, recorded_stream().front().event()->as<nst_session>());
    if (!writer) {
        std::abort();
    }
    return std::move(*writer);
}

void write_recording(const std::string& path, bool compress, std::size_t events) {
    std::filesystem::remove_all(path);
    const auto writer = open_writer(path, compress);
    std::size_t written = 0;
    while (written < events) {
        for (const EventBuffer& event : recorded_stream()) {
            writer->write(*event.event());
        }
        written += recorded_stream().size();
        // The disk is not what is measured: what it cannot take at once would be lost.
        writer->flush();
    }
}

}  // namespace nstrail::test
