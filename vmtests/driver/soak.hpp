// SPDX-License-Identifier: Apache-2.0
//
// Mixed stress for a long time, held against the truth at quiet points.
#ifndef NSTRAIL_VMTESTS_SOAK_HPP
#define NSTRAIL_VMTESTS_SOAK_HPP

#include "io.hpp"
#include "options.hpp"

namespace vmtests {

void soak(const Options& options, Results& results);

}  // namespace vmtests

#endif
