// SPDX-License-Identifier: Apache-2.0
// The lives of namespaces as slices. Inside of sink/perfetto* only.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "sink/perfetto_life.hpp"

namespace nstrail {

/// A process for each type, a thread in it for each namespace. Keeps no more than the model does.
class NsLives {
public:
    explicit NsLives(Stage& stage) : stage_(stage) {}

    /// What an event says of births and ends, and who is in them now.
    void take(const Event& event, const Change& change, bool wanted);
    /// "unshare" if the task itself made all that is new to it in that change and nobody was in
    /// there before, "setns" if all of it was there before, "switch" where neither is known. To be
    /// asked before take().
    [[nodiscard]] std::string_view how_switched(const Transition& change, std::uint32_t tid) const;
    /// Another session has begun: who is still there it tells.
    void suspend();
    /// What the model does not know any more is gone.
    void settle();
    /// The stream has ended.
    void finish();

private:
    struct NsLife : Life {
        NsType type = NST_ns_type_none;
        std::uint32_t inum = 0;
        std::uint32_t gen = 0;
        std::uint64_t id = 0;
        bool entered = false;  ///< a task was in it, or it was there before the session
        bool certain = true;
        std::uint64_t dying_since = 0;
        std::uint64_t emptied = 0;
        std::uint32_t parent = 0;
        std::uint32_t owner = 0;
        std::uint32_t level = 0;
        std::uint32_t creator_tid = 0;
        Comm creator_comm{};
    };

    NsLife* meet(std::uint32_t inum, const Event& event);
    void learn(NsLife& life, const NsRecord& ns);
    void enter(const NsSet& set, const Event& event, bool wanted);
    void end(const NsLife& life, std::uint64_t now, Ended ended);

    Stage& stage_;
    boost::unordered_flat_map<std::uint32_t, NsLife> lives_;      // by inode number
    boost::unordered_flat_map<std::uint32_t, NsLife> suspended_;  // likewise
    std::array<std::uint32_t, NST_ns_type_end> processes_{};
    NsSet entered_;  // the set that was looked at last, while nothing has changed
};

}  // namespace nstrail
