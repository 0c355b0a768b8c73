// SPDX-License-Identifier: Apache-2.0
// Thread groups and who their parents are.
//
// When a process dies its children go to another (find_new_reaper), and no event says so for each
// of them. So a dead process remembers its heir, and a child finds its parent by following heirs;
// the answer is the same as walking all children at once, without the walk.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "model/paged.hpp"

namespace nstrail {

struct ProcessRecord {
    std::uint32_t tgid = 0;
    std::uint32_t references = 0;
    std::uint32_t parent = 0;
    std::uint32_t heir = 0;
    std::uint32_t cgroup = 0;  ///< index into the table of cgroups; 0 = not known
    std::uint32_t exe = 0;     ///< index into the table of names; 0 = not known
    std::uint32_t next_free = 0;
    bool dead = false;
    std::uint8_t cgroup_moves = 0;  ///< how often all of it changed cgroup, modulo 256
};

/// Copies cost nothing (see PagedTable). One writer.
class Processes {
    using Table = Slab<ProcessRecord, 7>;

public:
    using Index = Table::Index;
    using Made = Table::Made;
    static constexpr Index none = 0;     ///< the parent of the first tasks
    static constexpr Index unknown = 1;  ///< a parent that no event has told

    Processes() { (void)all_.allocate(); }  // unknown

    /// The living process of that tgid, made if it is not known yet. Every call must be matched by
    /// release().
    [[nodiscard]] Index acquire(std::uint32_t tgid);
    /// A new process: whoever had the tgid before is not its number's holder any more.
    /// `parent_tgid` as for set_parent(). To be matched by release() as well.
    [[nodiscard]] Made create(std::uint32_t tgid, std::uint32_t parent_tgid);
    void release(Index index);

    /// Sets the parent by tgid; 0 = it has none.
    void set_parent(Index process, std::uint32_t parent_tgid);
    /// Its parent is not known, or of no interest any more.
    void forget_parent(Index process);
    /// The last thread is exiting: children go to the process of heir_tgid (0 = not known).
    void die(Index process, std::uint32_t heir_tgid);

    /// tgid of the parent now, 0 if it has none, nothing if that is not known.
    [[nodiscard]] std::optional<std::uint32_t> parent_tgid(Index process) const;

    /// The living process of that tgid; none if there is no such.
    [[nodiscard]] Index find(std::uint32_t tgid) const;
    [[nodiscard]] const ProcessRecord& operator[](Index process) const { return all_[process]; }
    [[nodiscard]] ProcessRecord& at(Index process) { return all_.at(process); }

    [[nodiscard]] std::uint32_t size() const { return all_.size(); }
    [[nodiscard]] std::uint64_t bytes() const { return all_.bytes(); }

    /// f(cgroup, exe) with what each process held that has gone since the last call.
    template <class F>
    void take_gone(F&& f) {
        for (const auto& [cgroup, exe] : gone_) {
            f(cgroup, exe);
        }
        gone_.clear();
    }

private:
    [[nodiscard]] static bool real(Index process) { return process > unknown; }
    [[nodiscard]] Made make(std::uint32_t tgid);
    void unindex(Index process, std::uint32_t tgid);

    std::vector<std::pair<std::uint32_t, std::uint32_t>> gone_;  // empty between two events
    Table all_;
    PagedTable<Index, 10, 6, 7> by_tgid_;  // the living
};

}  // namespace nstrail
