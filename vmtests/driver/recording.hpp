// SPDX-License-Identifier: Apache-2.0
//
// Recordings that an agent makes of a busy machine, and what they say afterwards.
#ifndef NSTRAIL_VMTESTS_RECORDING_HPP
#define NSTRAIL_VMTESTS_RECORDING_HPP

#include <string>
#include <vector>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

std::vector<std::string> recording_tests();

void test_recording(const Options& options, Results& results);

}  // namespace vmtests

#endif
