// SPDX-License-Identifier: Apache-2.0
//
// What an agent cannot do any more once it follows the machine, and how little it needs to begin.
#ifndef NSTRAIL_VMTESTS_CONFINE_HPP
#define NSTRAIL_VMTESTS_CONFINE_HPP

#include <string>
#include <vector>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

std::vector<std::string> confine_tests();

void test_confine(const Options& options, Results& results);

}  // namespace vmtests

#endif
