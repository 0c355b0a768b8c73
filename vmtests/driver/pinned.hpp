// SPDX-License-Identifier: Apache-2.0
//
// Recorders that come and go while their BPF programs stay: with all hooks nothing is lost.
#ifndef NSTRAIL_VMTESTS_PINNED_HPP
#define NSTRAIL_VMTESTS_PINNED_HPP

#include <string>
#include <vector>

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

std::vector<std::string> pinned_tests();

void test_pinned(const Options& options, Results& results);

}  // namespace vmtests

#endif
