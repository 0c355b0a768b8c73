// SPDX-License-Identifier: Apache-2.0
// What the log says of a recording that is being written.
#pragma once

#include <string>

#include "record/writer.hpp"

namespace nstrail {

class RecordingLog {
public:
    /// Says what was found of an earlier recorder.
    void opened(const Writer& writer, const std::string& path);
    /// Says when nothing can be recorded, and when it can again.
    void look(const Writer& writer);
    /// The last word. False = something is missing in it.
    [[nodiscard]] bool closed(const WriterFigures& figures) const;

private:
    void tell(const WriterFigures& figures);
    std::string path_;
    std::string fault_;
};

}  // namespace nstrail
