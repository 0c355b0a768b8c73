// SPDX-License-Identifier: Apache-2.0
// Thread groups and who their parents are.
//
// When a process dies its children go to another (find_new_reaper), and no event says so for each
// of them. So a dead process remembers its heir, and a child finds its parent by following heirs;
// the answer is the same as walking all children at once, without the walk.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace nstrail {

class Processes {
public:
    using Index = std::uint32_t;
    static constexpr Index none = 0;     ///< the parent of the first tasks
    static constexpr Index unknown = 1;  ///< a parent that no event has told

    Processes() : all_(2) {}

    /// The living process of that tgid, made if it is not known yet. Every call must be matched by
    /// release().
    [[nodiscard]] Index acquire(std::uint32_t tgid);
    /// A new process: whoever had the tgid before is not its number's holder any more.
    [[nodiscard]] Index create(std::uint32_t tgid);
    void release(Index index);

    /// Sets the parent by tgid; 0 = it has none.
    void set_parent(Index process, std::uint32_t parent_tgid);
    /// Its parent is not known, or of no interest any more.
    void forget_parent(Index process);
    /// The last thread is exiting: children go to the process of heir_tgid (0 = not known).
    void die(Index process, std::uint32_t heir_tgid);

    /// tgid of the parent now, 0 if it has none, nothing if that is not known.
    [[nodiscard]] std::optional<std::uint32_t> parent_tgid(Index process) const;

private:
    struct Process {
        std::uint32_t tgid = 0;
        std::uint32_t references = 0;
        Index parent = unknown;
        Index heir = unknown;
        bool dead = false;
    };
    [[nodiscard]] static bool real(Index process) { return process > unknown; }
    Index allocate(std::uint32_t tgid);

    std::vector<Process> all_;
    std::vector<Index> free_;
    boost::unordered_flat_map<std::uint32_t, Index> by_tgid_;  // the living
};

}  // namespace nstrail
