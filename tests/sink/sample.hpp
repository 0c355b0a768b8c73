// SPDX-License-Identifier: Apache-2.0
// A small world for tests of the sinks: an initial pid namespace with init and a zombie, and one
// namespace below it.
#pragma once

#include <memory>

#include "model/state.hpp"
#include "model/view.hpp"

namespace nstrail::test {

inline constexpr std::uint32_t outer = 4026531836;
inline constexpr std::uint32_t inner = 4026532200;

[[nodiscard]] WorldState sample_state();
[[nodiscard]] inline View view_of(const WorldState& state) {
    return View(std::make_shared<const WorldState>(state));
}
[[nodiscard]] inline View sample_view() {
    return view_of(sample_state());
}
TaskRecord& add_task(WorldState& state, std::uint32_t tid, std::string_view comm,
                     std::vector<nst_pid_nr> vpids);
NsRecord& add_pid_namespace(WorldState& state, std::uint32_t inum, std::uint32_t parent,
                            std::uint32_t level);

}  // namespace nstrail::test
