// SPDX-License-Identifier: Apache-2.0
#include "app/look.hpp"

#include "app/hidden.hpp"
#include "app/pipeline.hpp"

namespace nstrail {

Result<Look> look_once() {
    LiveOptions options;
    options.hooks.choice = HookChoice::snapshot;
    options.canary = false;
    options.ring_bytes = 16U << 20;
    auto source = LiveSource::open(options);
    if (!source) {
        return std::unexpected(source.error());
    }
    Pipeline pipeline(std::move(*source));
    if (auto done = pipeline.synchronize(std::chrono::seconds(30)); !done) {
        return std::unexpected(done.error());
    }
    View view = pipeline.world().view();
    return Look{.view = std::move(view), .note = hidden_note(hidden_tasks(pipeline))};
}

}  // namespace nstrail
