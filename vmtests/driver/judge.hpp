// SPDX-License-Identifier: Apache-2.0
//
// Holds what nstrail says against the truth, with patience: what an agent has not drained yet, or
// a kernel worker that comes or goes, is no difference.
#ifndef NSTRAIL_VMTESTS_JUDGE_HPP
#define NSTRAIL_VMTESTS_JUDGE_HPP

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "agent.hpp"
#include "claims.hpp"
#include "compare.hpp"
#include "io.hpp"

namespace vmtests {

class Judge {
public:
    Judge(const Options& options, Results& results, Seconds patience)
        : options_(options), results_(results), patience_(patience) {}

    // The agent's tree, with lsns, and a fresh one where that is wanted, which are kept as
    // NAME.*.json, and what holds namespaces where the subject tells; what differs, each line begun
    // with `where`.
    Differences hold(const Agent& agent, const std::string& name, const std::string& where);
    Differences agent_only(const Agent& agent, const std::string& name, const std::string& where);

    // An agent that lost something before may say so, as long as it is certain.
    void allow_past_loss() { past_loss_ = true; }
    // What the subject says of the next hold, and /proc cannot. False when the line is not that.
    // Throws nlohmann::json::exception on bad JSON.
    bool add_claim(const std::string& line) { return claims_.add(line); }
    // A fresh tree is made by the task iterator alone, however the agent is attached.
    void without_fresh_trees() { fresh_ = false; }
    void without_last_pids() { last_pids_ = false; }
    void set_patience(Seconds patience) { patience_ = patience; }

    // Of the last comparison.
    std::size_t tasks() const { return tasks_; }
    std::size_t namespaces() const { return namespaces_; }

private:
    // A tree document and the process that made it (0: one that is part of the truth).
    struct Document {
        nlohmann::json tree;
        int own_tgid = 0;
    };
    using Take = std::function<std::expected<Document, std::string>()>;
    using TakeAnswer = std::function<std::expected<nlohmann::json, std::string>()>;

    std::expected<Document, std::string> fresh_tree() const;
    Differences compare(const std::string& who, const std::string& name, const Take& take,
                        bool with_lsns, bool past_loss);
    Differences compare_holders(const std::string& who, const std::string& name, Inum inum,
                                const TakeAnswer& take) const;
    Differences holders(const Agent& agent, const std::string& name,
                        const std::string& where) const;

    const Options& options_;
    Results& results_;
    Seconds patience_;
    bool past_loss_ = false;
    Claims claims_;
    bool last_pids_ = true;
    bool fresh_ = true;
    std::size_t tasks_ = 0;
    std::size_t namespaces_ = 0;
};

// Waits until the agent tracks no namespace that was not there before; each that stays is a line.
Differences left_behind(const Agent& agent, const std::vector<NamespaceKey>& before, Seconds limit);

void append(Differences& to, const std::vector<std::string>& lines);
// One line for the test; all differences go to NAME/differences.txt.
void report(Results& results, const std::string& name, const Differences& differences,
            const std::string& ok);

}  // namespace vmtests

#endif
