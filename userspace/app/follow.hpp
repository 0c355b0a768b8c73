// SPDX-License-Identifier: Apache-2.0
// Rules and model behind a source, live or recorded: the same code, so the same answers.
#pragma once

#include <functional>
#include <memory>

#include "model/world.hpp"
#include "rules/checker.hpp"
#include "sink/board.hpp"

namespace nstrail {

/// Called after the rules and the model have taken the event in.
using Observer = std::function<void(const Event&, const Change&)>;

class Follower {
public:
    explicit Follower(NotableOptions notable) : checker_(world_, std::move(notable)) {}

    /// The observer is told the event, and then a release for each task that it proved gone.
    void take(const Event& event, const Observer& observer);
    /// No more will come: what is not final becomes unknown.
    void finish() { checker_.finish(); }

    [[nodiscard]] const World& world() const { return world_; }
    [[nodiscard]] const Checker& checker() const { return checker_; }
    /// All that readers see, with what is known of where the events came from.
    [[nodiscard]] std::shared_ptr<Publication> publication(SourceFigures source = {}) const;

private:
    World world_;
    Checker checker_;
};

/// Whether the observer was told an event that is not in the stream.
[[nodiscard]] bool synthesized(const Event& event);

/// The account at the end of a stream, in a line without its end: of a recording it is what the
/// recorder said.
[[nodiscard]] std::string account_text(const Follower& follower);

}  // namespace nstrail
