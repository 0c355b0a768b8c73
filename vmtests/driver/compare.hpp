// SPDX-License-Identifier: Apache-2.0
//
// Holds a tree document of nstrail against the truth, task by task and inum by inum.
#ifndef NSTRAIL_VMTESTS_COMPARE_HPP
#define NSTRAIL_VMTESTS_COMPARE_HPP

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "truth.hpp"

namespace vmtests {

// Each difference is one line without a newline, such as
// "tid 812 pid_for_children: tracked 4026532301, /proc says 4026532299".
using Differences = std::vector<std::string>;

struct CompareOptions {
    // The process that made the document, when it is gone by now and so is no part of the truth:
    // its tasks are taken out before anything is judged. 0 means none.
    int own_tgid = 0;
    // The document may tell of events lost earlier, as long as it is certain.
    bool past_loss = false;
};
Differences compare_tree(nlohmann::json document, const Truth& truth,
                         const CompareOptions& options = {});

// Processes per namespace as lsns counted them while it ran, itself included.
using LsnsCounts = std::map<NamespaceKey, int>;
// Reads `lsns --json -o NS,TYPE,NPROCS`; throws nlohmann::json::exception on other text.
LsnsCounts read_lsns(const std::string& text);
// `observer` is a task with the namespaces lsns ran in.
Differences compare_lsns(const nlohmann::json& document, const LsnsCounts& lsns,
                         const TaskTruth& observer);

// Namespaces the document has, as keys, in order; those not among `known`; those it says it is not
// certain of.
std::vector<NamespaceKey> namespaces_of(const nlohmann::json& document);
std::vector<NamespaceKey> namespaces_beyond(const nlohmann::json& document,
                                            const std::vector<NamespaceKey>& known);
std::vector<NamespaceKey> doubtful_namespaces(const nlohmann::json& document);

}  // namespace vmtests

#endif
