// SPDX-License-Identifier: Apache-2.0
// Recordings made of a stream that was once recorded in a virtual machine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "event/event.hpp"
#include "model/world.hpp"
#include "record/writer.hpp"
#include "source/recording.hpp"
#include "support/temp_dir.hpp"

namespace nstrail::test {

/// The events of fixtures/debian-6.12-scenes.jsonl; the first is the session.
[[nodiscard]] const std::vector<EventBuffer>& scenes();
[[nodiscard]] std::vector<std::string> as_json(const std::vector<EventBuffer>& events);

/// Small chunks, so that a short stream has several.
[[nodiscard]] WriterOptions small_chunks(const std::string& path);

/// Writes events as a recorder does, and closes the recording. `each` is called after each event
/// was taken in.
void write_recording(const WriterOptions& options, const std::vector<EventBuffer>& events,
                     const std::function<void(Writer&, std::size_t)>& each = {});

struct Read {
    std::vector<std::string> events;  ///< as JSON
    RecordingFaults faults;
    std::uint64_t missing = 0;  ///< what gaps that the reader made say is missing
    std::size_t gaps = 0;       ///< how many these are
};
/// All of a recording but what the reader itself adds.
[[nodiscard]] Read read_recording(const std::string& path);

/// The only boot's folder in a recorder's directory, and the files of its chunks, in order.
[[nodiscard]] std::string boot_folder(const std::string& path);
[[nodiscard]] Uuid uuid_of(const std::string& boot);
[[nodiscard]] std::vector<std::string> chunk_files(const std::string& path);

[[nodiscard]] std::string slurp(const std::string& path);
void spill(const std::string& path, const std::string& bytes);

}  // namespace nstrail::test
