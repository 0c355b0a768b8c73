// SPDX-License-Identifier: Apache-2.0
#include "sink/recorder.hpp"

#include "model/keyframe.hpp"

namespace nstrail {

void Recorder::take(const Event& event) {
    if (!writer_ && !refused_ && event.kind() == NST_KIND_session) {
        auto writer = Writer::open(options_, event.as<nst_session>());
        if (writer) {
            writer_ = std::move(*writer);
        } else {
            refused_ = writer.error();
        }
    }
    if (writer_) {
        writer_->write(event);
    }
}

void Recorder::tick(const World& world) {
    if (!writer_) {
        return;
    }
    writer_->tick();
    if (world.synchronized() && !world.in_round() && writer_->wants_keyframe()) {
        writer_->keyframe(
            [view = world.view()](const TellEvent& tell) { tell_keyframe(view, tell); });
    }
}

WriterFigures Recorder::close() {
    if (!writer_) {
        return {};
    }
    writer_->flush();
    WriterFigures figures = writer_->figures();
    writer_.reset();
    return figures;
}

}  // namespace nstrail
