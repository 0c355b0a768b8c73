// SPDX-License-Identifier: Apache-2.0
// A small world for tests of sinks: one pid namespace below the initial one, a zombie, a lost
// event.
#pragma once

#include <memory>

#include "model/snapshot.hpp"

namespace nstrail::test {

[[nodiscard]] std::shared_ptr<const Snapshot> sample_snapshot();

}  // namespace nstrail::test
