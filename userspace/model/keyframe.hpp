// SPDX-License-Identifier: Apache-2.0
// All that a model knows, as events from which another model learns it: how a recording begins its
// chunks, so that each can be replayed alone.
#pragma once

#include <functional>

#include "event/event.hpp"
#include "model/view.hpp"

namespace nstrail {

/// Tells the events one after another: the session, what was lost so far, a snapshot, what holds
/// namespaces, and what a snapshot does not tell (ns_kept, task_kept). A World that takes them in
/// first answers as `view` does, but for what it has counted, and for pid_requests(), which begin
/// anew. Precondition: view.synchronized().
void tell_keyframe(const View& view, const std::function<void(const EventBuffer&)>& tell);

}  // namespace nstrail
