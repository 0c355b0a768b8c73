// SPDX-License-Identifier: Apache-2.0
//
// Loss, provoked: a tiny ring, a slow agent, a stopped one. No wrong answer, full recovery, and
// books that agree with the kernel's.
#ifndef NSTRAIL_VMTESTS_LOSS_HPP
#define NSTRAIL_VMTESTS_LOSS_HPP

#include <string>
#include <vector>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

std::vector<std::string> loss_tests();
void test_loss(const Options& options, Results& results);

}  // namespace vmtests

#endif
