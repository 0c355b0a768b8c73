// SPDX-License-Identifier: Apache-2.0
// One task or one namespace, with its story: what there is to tell of it at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/view.hpp"

namespace nstrail {

/// The life of a task or a namespace, in order.
struct Story {
    std::vector<std::string> lines;  ///< as `nstrail story --json` prints them, without newlines
    std::uint64_t cut = 0;           ///< lines left out in the middle, as they would be too many
};

/// The documents nstrail.task/1 and nstrail.namespace/1. End without a newline. No story = there is
/// nothing that it could be told from.
[[nodiscard]] std::string task_card_json(const View& view, const Task& task,
                                         const std::optional<Story>& story);
[[nodiscard]] std::string namespace_card_json(const View& view, const Namespace& ns,
                                              const std::optional<Story>& story);

}  // namespace nstrail
