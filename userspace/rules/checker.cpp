// SPDX-License-Identifier: Apache-2.0
#include "rules/checker.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "event/reflect.hpp"
#include "event/session.hpp"
#include "rules/invariants.hpp"

namespace nstrail {

namespace {

// Enough to see what is wrong; a kernel or a stream that breaks more is counted.
constexpr std::size_t findings_kept = 1000;
constexpr std::size_t suspects_kept = 10'000;

}  // namespace

std::string_view verdict_name(Verdict verdict) {
    return verdict == Verdict::violation ? "violation" : "unknown";
}

std::uint64_t Findings::violations() const {
    std::uint64_t sum = 0;
    for (const RuleCount& rule : rules) {
        sum += rule.violations;
    }
    return sum;
}

std::uint64_t Findings::unknown() const {
    std::uint64_t sum = 0;
    for (const RuleCount& rule : rules) {
        sum += rule.unknown;
    }
    return sum;
}

/// Takes what a rule says of one event.
class Checker::Witness final : public Report {
public:
    Witness(Checker& checker, const Event& event) : checker_(checker), event_(event) {}
    void rule(std::size_t index) { rule_ = index; }

private:
    void suspect(const About& about, std::string because,
                 std::initializer_list<Place> evidence) override {
        checker_.suspect(rule_, event_, about, std::move(because), evidence);
    }

    Checker& checker_;
    const Event& event_;
    std::size_t rule_ = 0;
};

Checker::Checker(World& world, NotableOptions notable)
    : world_(world), lookout_(std::move(notable)) {
    for (const Rule* rule : all_rules()) {
        findings_.rules.push_back({.id = rule->id});
    }
}

void Checker::plan(const nst_session& session) {
    const std::uint64_t hooks = session.hooks & ~session.silent_hooks;
    uncounted_ = session.uncounted_hooks != 0;
    checkable_ = 0;
    for (std::size_t i = 0; i < all_rules().size(); i++) {
        const bool not_here = uncheckable(*all_rules()[i], hooks);
        findings_.rules[i].uncheckable = not_here;
        checkable_ |= std::uint64_t{not_here ? 0U : 1U} << i;
    }
}

Change Checker::apply(const Event& event) {
    if (!news_.empty()) [[unlikely]] {
        news_.clear();
    }
    history_.keep(ledger_.here(), event);
    if (event.kind() == NST_KIND_session) {
        const auto& session = event.as<nst_session>();
        if (!continues(session, world_.session())) {
            const std::string doubt =
                "another session began before it was known that nothing was lost";
            settle(older_, doubt);
            settle(newer_, doubt);
        }
        plan(session);
    }
    // What was there before is not known yet; rules rest on it.
    if (world_.synchronized()) {
        look(event);
    }
    Change change = world_.apply(event);
    lookout_.take(event, change, world_);
    if (event.kind() == NST_KIND_gap) {
        const auto& gap = event.as<nst_gap>();
        const std::string doubt = fmt::format("{} events were lost around it ({})", gap.lost,
                                              enum_name(Format::ENUM_gap_cause, gap.cause));
        settle(older_, doubt);
        settle(newer_, doubt);
    } else if (event.kind() == NST_KIND_mark &&
               event.as<nst_mark>().what == NST_mark_what_audited) {
        settle(older_, {});
        std::swap(older_, newer_);
    }
    ledger_.take(event);
    return change;
}

static_assert(invariants.size() <= 64, "each has a bit");

struct Checker::Looks {
    using Function = void (*)(Checker& checker, const Event& event);

    /// By kind: every rule that reads it, one after the other, in one function. Which these are is
    /// known here, so nothing is called by its address and little is called at all.
    static consteval std::array<Function, NST_KIND_end> by_kind() {
        return []<std::size_t... kind>(std::index_sequence<kind...>) {
            return std::array<Function, NST_KIND_end>{all<kind>...};
        }(std::make_index_sequence<NST_KIND_end>());
    }

private:
    struct Look {
        std::size_t rule = 0;
        Outcome (*look)(const Scene& scene, Report& report) = nullptr;
    };
    struct Found {
        std::array<Look, invariants.size()> looks{};
        std::size_t count = 0;
    };

    static consteval Found of(std::size_t kind) {
        Found found;
        for (std::size_t rule = 0; rule < invariants.size(); rule++) {
            for (const Reader& reader : invariants[rule]->readers) {
                if (reader.kind == kind) {
                    found.looks[found.count++] = {.rule = rule, .look = reader.look};
                }
            }
        }
        return found;
    }

    template <std::size_t kind>
    static void all(Checker& checker, const Event& event) {
        static constexpr Found found = of(kind);
        const Scene scene{.event = event, .world = checker.world_, .ledger = checker.ledger_};
        Witness witness(checker, event);
        [&]<std::size_t... at>(std::index_sequence<at...>) {
            (one<found.looks[at].rule, found.looks[at].look>(checker, scene, witness), ...);
        }(std::make_index_sequence<found.count>());
    }

    template <std::size_t rule, auto look>
    static void one(Checker& checker, const Scene& scene, Witness& witness) {
        if ((checker.checkable_ >> rule & 1) != 0) {
            witness.rule(rule);
            checker.findings_.rules[rule].checked +=
                look(scene, witness) == Outcome::nothing ? 0 : 1;
        }
    }
};

void Checker::look(const Event& event) {
    static constexpr auto looks = Looks::by_kind();
    looks[event.kind()](*this, event);
}

void Checker::finish() {
    news_.clear();
    const std::string doubt = "the stream ended before it was known that nothing had been lost";
    settle(older_, doubt);
    settle(newer_, doubt);
}

void Checker::suspect(std::size_t rule, const Event& event, const About& about, std::string because,
                      std::span<const Place> evidence) {
    if (newer_.size() >= suspects_kept) {
        findings_.rules[rule].unknown++;
        findings_.left_out++;
        return;
    }
    Finding finding;
    finding.rule = all_rules()[rule]->id;
    finding.at_boot_ns = finding.last_boot_ns = event.boot_ns();
    finding.task = about.task;
    finding.ns_inum = about.ns;
    finding.because = std::move(because);
    if (const TaskRecord* task = world_.find_key(about.task.key); task != nullptr) {
        finding.comm = task->name();
    }
    if (const NsRecord* ns = world_.find_namespace(about.ns); ns != nullptr) {
        finding.ns_type = ns->type;
        finding.ns_gen = ns->gen;
    }
    std::vector<Place> places(evidence.begin(), evidence.end());
    std::erase(places, not_told);
    std::ranges::sort(places);
    places.erase(std::ranges::unique(places).begin(), places.end());
    const bool alone = places.empty();
    std::erase(places, in_model);
    places.push_back(ledger_.here());
    for (const Place place : places) {
        Evidence& one = finding.evidence.emplace_back();
        one.place = place;
        if (const auto kept = history_.find(place)) {
            one.event = EventBuffer(kept->bytes().size());
            std::ranges::copy(kept->bytes(), one.event.bytes().begin());
        }
    }
    newer_.push_back({.finding = std::move(finding), .rule = rule, .alone = alone});
}

void Checker::settle(std::vector<Suspect>& suspects, const std::string& doubt) {
    for (Suspect& suspect : suspects) {
        tell(suspect, doubt);
    }
    suspects.clear();
}

void Checker::tell(Suspect& suspect, const std::string& doubt) {
    Finding& finding = suspect.finding;
    if (!suspect.alone) {
        finding.why_unknown =
            uncounted_ ? "this kernel does not count the calls that its kprobes miss" : doubt;
    }
    finding.verdict = finding.why_unknown.empty() ? Verdict::violation : Verdict::unknown;
    RuleCount& count = findings_.rules[suspect.rule];
    (finding.verdict == Verdict::violation ? count.violations : count.unknown)++;
    news_.push_back(finding);
    const Fold fold{suspect.rule,     finding.verdict,
                    finding.task.tid, finding.task.start_boottime_ns,
                    finding.ns_inum,  finding.ns_gen};
    const auto [at, added] = folds_.try_emplace(fold, findings_.findings.size());
    if (!added) {
        Finding& first = findings_.findings[at->second];
        first.count++;
        first.last_boot_ns = finding.at_boot_ns;
    } else if (findings_.findings.size() < findings_kept) {
        findings_.findings.push_back(std::move(finding));
    } else {
        folds_.erase(at);
        findings_.left_out++;
    }
}

}  // namespace nstrail
