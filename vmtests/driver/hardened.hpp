// SPDX-License-Identifier: Apache-2.0
//
// Kernels that are hardened or locked down.
#ifndef NSTRAIL_VMTESTS_HARDENED_HPP
#define NSTRAIL_VMTESTS_HARDENED_HPP

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

inline constexpr const char* hardened_test = "hardened";
inline constexpr const char* locked_test = "locked";

// With every setting that hardens a kernel, and lockdown=integrity, all is as without. The machine
// does not get them back.
void test_hardened(const Options& options, Results& results);

// With lockdown=confidentiality no BPF program may read the kernel, and the agent says so.
void test_locked(const Options& options, Results& results);

}  // namespace vmtests

#endif
