// SPDX-License-Identifier: Apache-2.0
//
// What a host does to an agent: its clock is set, processors go and come, it is stopped, clients
// come and go, there is no memory.
#ifndef NSTRAIL_VMTESTS_FAULTS_HPP
#define NSTRAIL_VMTESTS_FAULTS_HPP

#include <string>
#include <vector>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

std::vector<std::string> fault_tests();

void test_faults(const Options& options, Results& results);

}  // namespace vmtests

#endif
