// SPDX-License-Identifier: Apache-2.0
// Whether a View agrees with itself.
#pragma once

#include <gtest/gtest.h>

#include "model/view.hpp"

namespace nstrail::test {

/// tasks and zombies of every namespace are what the tasks of the same View say.
[[nodiscard]] testing::AssertionResult adds_up(const View& view);

}  // namespace nstrail::test
