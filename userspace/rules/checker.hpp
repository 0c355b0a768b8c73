// SPDX-License-Identifier: Apache-2.0
// The rules at work on a stream of events.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "rules/finding.hpp"
#include "rules/history.hpp"
#include "rules/ledger.hpp"
#include "rules/notable.hpp"
#include "rules/rule.hpp"

namespace nstrail {

/// Takes each event to the rules, the model and the ledger, in that order.
///
/// A contradiction is no violation yet: an event that would explain it may have been lost, and the
/// gap that says so still be on its way. It becomes one when two marks `audited` have come after it
/// without a gap (the first may have been on its way when it was found), and `unknown` when a gap
/// comes first, unless one event alone shows it.
///
/// A deterministic function of the events; one thread. Allocates nothing while all rules hold, but
/// for the growth of what it keeps track of.
class Checker {
public:
    /// The world must outlive it, and take its events from here only.
    explicit Checker(World& world, NotableOptions notable = {});
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;
    ~Checker() = default;

    Change apply(const Event& event);
    /// What the latest apply() or finish() made final. Valid until the next.
    [[nodiscard]] std::span<const Finding> news() const { return news_; }
    /// No more events will come: what is not final becomes unknown.
    void finish();
    [[nodiscard]] const Findings& findings() const { return findings_; }
    /// What is worth a look though it breaks no rule.
    [[nodiscard]] const Lookout& lookout() const { return lookout_; }

private:
    struct Suspect {
        Finding finding;
        std::size_t rule;
        bool alone;  // the event by itself shows it
    };
    class Witness;
    /// The rules that read a kind of event.
    struct Looks;

    void plan(const nst_session& session);
    void look(const Event& event);
    void suspect(std::size_t rule, const Event& event, const About& about, std::string because,
                 std::span<const Place> evidence);
    void settle(std::vector<Suspect>& suspects, const std::string& doubt);
    void tell(Suspect& suspect, const std::string& doubt);

    World& world_;
    Ledger ledger_;
    History history_;
    Lookout lookout_;
    std::uint64_t checkable_ = 0;  // bits in the order of all_rules()
    bool uncounted_ = false;
    std::vector<Suspect> older_;  // from before the latest mark
    std::vector<Suspect> newer_;
    Findings findings_;
    std::vector<Finding> news_;
    // Where findings are kept: by rule, verdict, and whom it is about.
    using Fold = std::tuple<std::size_t, Verdict, std::uint32_t, std::uint64_t, std::uint32_t,
                            std::uint32_t>;
    std::map<Fold, std::size_t> folds_;
};

}  // namespace nstrail
