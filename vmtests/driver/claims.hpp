// SPDX-License-Identifier: Apache-2.0
//
// What a subject says of the next hold, where /proc has no truth about it; see
// vmtests/subjects/subject.h.
#ifndef NSTRAIL_VMTESTS_CLAIMS_HPP
#define NSTRAIL_VMTESTS_CLAIMS_HPP

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "truth.hpp"

namespace vmtests {

class Claims {
public:
    // False when the line is no claim. Throws nlohmann::json::exception on bad JSON.
    bool add(const std::string& line);
    // The rows of a tree document. A fresh one knows nothing of what was before it.
    enum class Tree { tracked, fresh };
    Differences compare_tree(const nlohmann::json& document, Tree tree) const;

    // Namespaces of which the subject names the holders, all of them, and what a why document of
    // one must say.
    std::set<Inum> held() const;
    Differences compare_why(const nlohmann::json& document, Inum inum) const;

    // The reduced mode knows no last pid but at the moment of a snapshot, and does not show it.
    void without_last_pids();
    void clear();

private:
    struct Row {
        std::string name;  // "tid 812", "pid namespace 4026532301"
        int tid = 0;       // 0: a namespace
        NamespaceKey key;
        bool tracked_only = false;
        nlohmann::json wanted;
    };
    struct Holder {
        Inum inum;
        nlohmann::json wanted;
    };

    std::vector<Row> rows_;
    std::vector<Holder> holders_;
};

}  // namespace vmtests

#endif
