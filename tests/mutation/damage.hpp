// SPDX-License-Identifier: Apache-2.0
// Kinds of damage, each aimed at one rule.
//
// Whether the damage can be seen is decided from the clean stream and the invariant, never from
// what the rules say of the damaged one.
#pragma once

#include <string_view>
#include <vector>

#include "mutation/stream.hpp"

namespace nstrail::test {

struct Mutant {
    std::vector<EventBuffer> events;
    bool visible = true;
};

struct Damage {
    std::string_view kind;  ///< as in "double free"
    std::string_view what;  ///< what is done, in a few words
    std::string_view rule;  ///< that has to find it
    /// It looks like lost events: either verdict will do.
    bool like_loss = false;
    /// Places in the stream where it could be done, in order.
    std::vector<std::size_t> (*places)(const Stream& stream);
    /// Done there.
    Mutant (*apply)(const Stream& stream, std::size_t at);
};

/// By file.
[[nodiscard]] std::vector<Damage> namespace_damages();
[[nodiscard]] std::vector<Damage> task_damages();
[[nodiscard]] const std::vector<Damage>& all_damages();

}  // namespace nstrail::test
