// SPDX-License-Identifier: Apache-2.0
// What a rule is: one invariant of the kernel, what makes it true, and the functions that look
// whether an event breaks it.
//
// A rule is one file in invariants/, which the build finds by itself. It is given each event of the
// kinds it reads before the model and the ledger have taken it in, so it sees the world as it was
// and what the event says of it. It only observes. It is a header, so that the compiler can make
// one function of what all rules ask of a kind of event (checker.cpp).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "model/world.hpp"
#include "rules/ledger.hpp"

namespace nstrail {

/// An event, and the world ahead of it.
struct Scene {
    const Event& event;
    const World& world;
    const Ledger& ledger;

    [[nodiscard]] std::string name(const nst_task_ref& task) const;
    [[nodiscard]] std::string name(std::uint32_t tid) const;
};

/// "tid 812 (nginx)".
[[nodiscard]] std::string task_name(const World& world, const nst_task_ref& task);
[[nodiscard]] std::string task_name(const World& world, std::uint32_t tid);

/// "pid:[4026532201]".
[[nodiscard]] std::string ns_name(NsType type, std::uint32_t inum);
/// "number 31 of pid:[4026532201]".
[[nodiscard]] std::string number_name(std::uint32_t pid_namespace, std::uint32_t nr);

/// The namespace of that inum is `ancestor` or a descendant of it (pid and user namespaces).
/// Nothing = not known, because the lineage of one between them is not, or may have been another's
/// since a gap that no snapshot has closed yet.
[[nodiscard]] std::optional<bool> is_within(const World& world, std::uint32_t inum,
                                            std::uint32_t ancestor);

enum class Outcome : std::uint8_t {
    nothing,  ///< the event does not concern the rule, or too little is known
    holds,
    broken,
};

/// In place of evidence: what the model or the ledger knows, by whatever events. It is not shown,
/// but an event that contradicts it is no proof by itself, as another that changed it may have been
/// lost.
inline constexpr Place in_model = ~Place{0};

/// Whom a finding is about.
struct About {
    nst_task_ref task{};   ///< all 0 = no task
    std::uint32_t ns = 0;  ///< inum of the namespace; 0 = none
};

/// Where a rule says what it found.
class Report {
public:
    virtual ~Report() = default;
    /// The invariant is broken. `evidence`: places of earlier events without which this one would
    /// be right; not_told is left out. in_model: more is part of the proof. `because` makes one
    /// sentence, of what happened and what should have, without a full stop.
    /// It is made out of line: the code that looks for a breach, which runs with every event, is
    /// then left without what that takes (registers to save, strings to destroy).
    template <class Sentence>
    [[nodiscard, gnu::cold, gnu::noinline]] Outcome broken(const About& about,
                                                           std::initializer_list<Place> evidence,
                                                           const Sentence& because) {
        suspect(about, because(), evidence);
        return Outcome::broken;
    }

private:
    virtual void suspect(const About& about, std::string because,
                         std::initializer_list<Place> evidence) = 0;
};

/// A kind of event, and how a rule looks at it.
struct Reader {
    Kind kind;
    Outcome (*look)(const Scene& scene, Report& report);
};
/// What a Reader calls.
template <class T, Outcome (*look)(const T& event, const Scene& scene, Report& report)>
[[nodiscard]] Outcome look_as(const Scene& scene, Report& report) {
    return look(scene.event.as<T>(), scene, report);
}
/// A Reader from a function that takes the event's fixed part.
template <class T, Outcome (*look)(const T& event, const Scene& scene, Report& report)>
[[nodiscard]] constexpr Reader reads() {
    return {.kind = kind_of<T>, .look = look_as<T, look>};
}

struct Rule {
    std::string_view id;
    std::string_view statement;   ///< the invariant, one sentence
    std::string_view kernel;      ///< the function that makes it true
    std::string_view exceptions;  ///< what looks like a breach and is none; empty = nothing
    std::initializer_list<nst_hook> hooks;  ///< all of these are needed to check it
    std::initializer_list<Reader> readers;
};

/// All rules, by id.
[[nodiscard]] std::span<const Rule* const> all_rules();

/// With these hooks attached (bits by nst_hook), the rule cannot be checked.
[[nodiscard]] bool uncheckable(const Rule& rule, std::uint64_t hooks);

}  // namespace nstrail
