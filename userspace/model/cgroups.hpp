// SPDX-License-Identifier: Apache-2.0
// The cgroups of the unified hierarchy that tasks are in, by the kernel's ids, which are not used
// again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "event/event.hpp"
#include "model/key_index.hpp"
#include "model/paged.hpp"

namespace nstrail {

struct CgroupRecord {
    std::uint64_t id = 0;
    std::uint32_t parent = 0;      ///< index; 0 = none, or not known
    std::uint32_t references = 0;  ///< processes, tasks and cgroups that refer to it
    std::uint32_t pids_used = 0;   ///< pids controller, when it was told
    std::uint32_t pids_max = 0;    ///< 0 = not known or no such controller, no_limit = none
    std::uint64_t told_ns = 0;     ///< when these were read; 0 = never
    std::uint32_t next_free = 0;
    bool named = false;  ///< an event told its name; else only its id is known
    bool root = false;
    bool removed = false;
    std::string name;

    static constexpr std::uint32_t no_limit = 0xFFFFFFFF;
};

using CgroupTable = Slab<CgroupRecord, 4>;

/// "/a/b", "/" for the root; nothing if a part of it is not known.
[[nodiscard]] std::optional<std::string> cgroup_path(const CgroupTable& table, std::uint32_t index);

/// The writer's side of a CgroupTable. Index 0 is a cgroup that is not known.
class Cgroups {
public:
    explicit Cgroups(CgroupTable& table) : table_(table) {}

    void on(const nst_cgroup& event);
    /// The index of the cgroup of that id (0 = not known), to be given back by release(). `guess`:
    /// maybe it is this one.
    [[nodiscard]] std::uint32_t acquire(std::uint64_t id, std::uint32_t guess = 0);
    void release(std::uint32_t index);

private:
    [[nodiscard]] std::uint32_t meet(std::uint64_t id);

    CgroupTable& table_;
    KeyIndex<std::uint64_t, std::uint32_t, 4> index_;
};

}  // namespace nstrail
