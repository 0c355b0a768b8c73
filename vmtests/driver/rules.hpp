// SPDX-License-Identifier: Apache-2.0
//
// What the rules found on a kernel that breaks none.
#ifndef NSTRAIL_VMTESTS_RULES_HPP
#define NSTRAIL_VMTESTS_RULES_HPP

#include <string>

#include "agent.hpp"
#include "compare.hpp"
#include "options.hpp"

namespace vmtests {

struct Rules {
    Differences differences;
    std::string said;  // what was checked, in one line
};

// Of an agent: no rule was broken, and where nothing was lost none is in doubt.
Rules judge_rules(const Agent& agent);

// Of a stream that `nstrail live --json --all` wrote: `nstrail check` says the same.
Rules judge_stream(const Options& options, const std::string& path);

}  // namespace vmtests

#endif
