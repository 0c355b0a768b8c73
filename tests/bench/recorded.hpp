// SPDX-License-Identifier: Apache-2.0
// The stream of the test machine, and recordings made of it, for what measures them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "event/event.hpp"
#include "record/writer.hpp"

namespace nstrail::test {

/// debian-6.12-scenes of the fixtures, read once. Aborts if it cannot be read: without it nothing
/// can be measured.
[[nodiscard]] const std::vector<EventBuffer>& recorded_stream();

/// A writer that drops nothing of what is measured. Aborts if it cannot be opened.
[[nodiscard]] std::unique_ptr<Writer> open_writer(const std::string& path, bool compress = false);

/// Writes the stream again and again, as sessions one after another would, to a recording at `path`
/// (what was there is removed), until it has so many events.
void write_recording(const std::string& path, bool compress, std::size_t events);

}  // namespace nstrail::test
