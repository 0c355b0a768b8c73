// SPDX-License-Identifier: Apache-2.0
//
// Rules that a kernel module really breaks, and that must be found at once: see vmtests/violator.
#ifndef NSTRAIL_VMTESTS_VIOLATOR_HPP
#define NSTRAIL_VMTESTS_VIOLATOR_HPP

#include <string>
#include <vector>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

// The names of the tests, one for each breach and one for `nstrail check` of them all.
std::vector<std::string> violator_tests();

// With an agent and a live stream of its own, and the module only meanwhile.
void test_violator(const Options& options, Results& results);

}  // namespace vmtests

#endif
