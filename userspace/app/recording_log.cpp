// SPDX-License-Identifier: Apache-2.0
#include "app/recording_log.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace nstrail {

void RecordingLog::opened(const Writer& writer, const std::string& path) {
    path_ = path;
    const Recovered& found = writer.recovered();
    if (found.events_saved != 0 || found.bytes_cut != 0) {
        fmt::print(stderr, "nstrail: {}: the recorder before was interrupted: {} events saved{}\n",
                   path, found.events_saved,
                   found.bytes_cut == 0
                       ? ""
                       : fmt::format(", {} bytes of half a packet cut off", found.bytes_cut));
    }
}

void RecordingLog::tell(const WriterFigures& figures) {
    if (figures.fault == fault_) {
        return;
    }
    if (figures.fault.empty()) {
        fmt::print(stderr, "nstrail: recording again; {} events are not in the recording\n",
                   figures.lost);
    } else {
        fmt::print(stderr, "nstrail: not recording: {}; trying again every 10 s\n", figures.fault);
    }
    fault_ = figures.fault;
}

void RecordingLog::look(const Writer& writer) {
    tell(writer.figures());
}

bool RecordingLog::closed(const WriterFigures& figures) const {
    fmt::print(stderr, "nstrail: {}: {} events recorded, {} not; {} bytes, {} chunks dropped{}\n",
               path_, figures.events, figures.lost, figures.bytes, figures.chunks_dropped,
               figures.fault.empty() ? "" : "; at last: " + figures.fault);
    return figures.lost == 0 && figures.fault.empty();
}

}  // namespace nstrail
