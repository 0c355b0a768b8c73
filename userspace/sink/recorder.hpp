// SPDX-License-Identifier: Apache-2.0
// Records the stream that a model follows, with a keyframe of that model at the head of each chunk.
#pragma once

#include <memory>
#include <optional>

#include "model/world.hpp"
#include "record/writer.hpp"

namespace nstrail {

class Recorder {
public:
    explicit Recorder(WriterOptions options) : options_(std::move(options)) {}

    /// To be called with each event, in order, before the model takes it in. The first one, a
    /// session, opens the recording.
    void take(const Event& event);
    /// To be called from time to time, when the model has taken in what take() was called with.
    void tick(const World& world);
    /// Asks for a new chunk; see Writer.
    void rotate() {
        if (writer_) {
            writer_->rotate();
        }
    }
    /// Why the recording could not be opened; there is none then.
    [[nodiscard]] const std::optional<Error>& refused() const { return refused_; }
    /// Null before the first event.
    [[nodiscard]] const Writer* writer() const { return writer_.get(); }
    /// Writes what is left and closes the recording. Returns its last figures.
    WriterFigures close();

private:
    WriterOptions options_;
    std::unique_ptr<Writer> writer_;
    std::optional<Error> refused_;
};

}  // namespace nstrail
