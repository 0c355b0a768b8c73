// SPDX-License-Identifier: Apache-2.0
#include "record/recordings.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "event/format.hpp"
#include "model/keyframe.hpp"
#include "support/stream.hpp"

namespace nstrail::test {

const std::vector<EventBuffer>& scenes() {
    static const auto all = read_stream(FIXTURES "/debian-6.12-scenes.jsonl");
    return all;
}

std::vector<std::string> as_json(const std::vector<EventBuffer>& events) {
    std::vector<std::string> lines;
    lines.reserve(events.size());
    for (const EventBuffer& event : events) {
        lines.push_back(to_json(*event.event()));
    }
    return lines;
}

WriterOptions small_chunks(const std::string& path) {
    WriterOptions options;
    options.store.path = path;
    options.chunk_bytes = std::uint64_t{64} << 10;
    options.keyframe_share = 0;
    return options;
}

void write_recording(const WriterOptions& options, const std::vector<EventBuffer>& events,
                     const std::function<void(Writer&, std::size_t)>& each) {
    const auto session = events.front().event();
    auto writer = Writer::open(options, session->as<nst_session>());
    ASSERT_TRUE(writer) << writer.error().line();
    World world;
    for (std::size_t i = 0; i < events.size(); i++) {
        const auto event = events[i].event();
        (*writer)->write(*event);
        world.apply(*event);
        if (world.synchronized() && !world.in_round() && (*writer)->wants_keyframe()) {
            (*writer)->keyframe(
                [view = world.view()](const TellEvent& tell) { tell_keyframe(view, tell); });
        }
        if (each) {
            each(**writer, i);
        }
    }
}

Read read_recording(const std::string& path) {
    Read read;
    auto source = RecordingSource::open(path);
    if (!source) {
        ADD_FAILURE() << source.error().line();
        return read;
    }
    while (!(*source)->ended()) {
        const auto polled = (*source)->poll([&](const Event& event) {
            const bool gap =
                event.kind() == NST_KIND_gap && event.as<nst_gap>().cause == NST_gap_cause_damage;
            if (gap) {
                read.missing += event.as<nst_gap>().lost;
                read.gaps++;
            } else {
                read.events.push_back(to_json(event));
            }
        });
        EXPECT_TRUE(polled);
    }
    read.faults = (*source)->faults();
    return read;
}

std::string boot_folder(const std::string& path) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        return entry.path();
    }
    return {};
}

Uuid uuid_of(const std::string& boot) {
    return *parse_uuid(std::filesystem::path(boot).filename().string().substr(boot_prefix.size()));
}

std::vector<std::string> chunk_files(const std::string& path) {
    std::vector<std::string> files;
    const auto boot = list_boot(boot_folder(path));
    for (const ShelvedChunk& chunk : boot->chunks) {
        files.push_back(chunk.file);
    }
    return files;
}

std::string slurp(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void spill(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace nstrail::test
