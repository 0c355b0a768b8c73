// SPDX-License-Identifier: Apache-2.0
//
// What the driver was asked to do.
#ifndef NSTRAIL_VMTESTS_OPTIONS_HPP
#define NSTRAIL_VMTESTS_OPTIONS_HPP

#include <algorithm>
#include <string>
#include <vector>

namespace vmtests {

struct Options {
    std::string results;                  // device to report to; empty: stdout
    std::string directory = "/tmp/test";  // logs and the stream
    std::string nstrail = "nstrail";
    std::string subjects = "/nstrail/subjects";
    std::string load = "/nstrail/load";             // the program that makes stress
    std::string breach = "/nstrail/breach";         // the program that breaks a rule
    std::string refused = "/nstrail/refused";       // has the agent try what it may not
    std::string violator = "/nstrail/violator.ko";  // and the module that it has do so
    std::vector<std::string> tests = {"scenes", "fresh"};
    std::vector<std::string> scenes;         // empty: all
    std::vector<std::string> trace;          // arguments of agent and live: how to attach
    std::vector<std::string> launcher;       // command that starts the agent
    std::string agent_user = "65534:65534";  // whom it becomes; empty: nobody else
    int soak_s = 60;
    int port = 9977;

    bool wants(const std::string& test) const {
        return std::ranges::find(tests, test) != tests.end();
    }
};

}  // namespace vmtests

#endif
