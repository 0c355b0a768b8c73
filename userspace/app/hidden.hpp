// SPDX-License-Identifier: Apache-2.0
// Some kernels keep a few tasks to themselves: /proc lists them, the task iterator does not tell
// them.
#pragma once

#include <string>
#include <vector>

#include "app/pipeline.hpp"

namespace nstrail {

/// The tids in /proc that a synchronized pipeline's model does not have, looked for twice, so that
/// a task that was just born or just ended is not among them.
[[nodiscard]] std::vector<std::string> hidden_tasks(Pipeline& pipeline);

/// What that means for a reader of the tree, in a sentence; empty if there are none.
[[nodiscard]] std::string hidden_note(const std::vector<std::string>& tids);

}  // namespace nstrail
