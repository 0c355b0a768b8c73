// SPDX-License-Identifier: Apache-2.0
// The sets of namespaces that tasks are in, each kept once: a million tasks share few of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "model/key_index.hpp"
#include "model/ns_table.hpp"
#include "model/paged.hpp"
#include "model/task.hpp"

namespace nstrail {

struct SetRecord {
    std::uint64_t nsproxy = 0;  ///< joins events; 0 = NULL
    NsSet ns;
    std::uint32_t references = 0;  ///< tasks in it, zombies included
    std::uint32_t zombies = 0;     ///< of these, zombies
    std::uint32_t next_free = 0;

    /// Adds its tasks to those of the namespace that it has in that slot.
    void add_to(Population& all, Slot slot) const {
        (for_children(slot) ? all.next_children : all.tasks) += references;
        all.zombies += for_children(slot) ? 0 : zombies;
    }
};

using SetTable = Slab<SetRecord, 4>;

/// The writer's side of a SetTable. Index 0 is the set of nothing.
///
/// A namespace only knows how many sets refer to it: what a task does changes nothing there as long
/// as somebody else shares its set. How many tasks that makes is counted when somebody asks.
class Sets {
public:
    Sets(SetTable& table, NsTable& namespaces) : table_(table), namespaces_(namespaces) {}

    /// The index of that set, to be given back by release(). Precondition: what it refers to lives.
    [[nodiscard]] std::uint32_t acquire(std::uint64_t nsproxy, const NsSet& set);
    /// The same where somebody holds it already; `guess`: maybe it is this one.
    [[nodiscard]] std::optional<std::uint32_t> share(std::uint64_t nsproxy, const NsSet& set,
                                                     std::uint32_t guess);
    void release(std::uint32_t index, std::uint64_t boot_ns);
    /// A task in that set has become a zombie (+1), or a zombie has gone from it (-1).
    void add_zombie(std::uint32_t index, int by) {
        if (index != 0) {
            table_.at(index).zombies += static_cast<std::uint32_t>(by);
        }
    }
    /// Time grows with the number of sets that refer to it.
    [[nodiscard]] Population population(std::uint32_t inum) const;
    /// That namespace has gone: no set refers to it any more. Time grows with the number of those
    /// that did.
    void forget(const NsRecord& gone);

private:
    [[nodiscard]] static std::uint64_t hash(std::uint64_t nsproxy, const NsSet& set);
    /// It is the set of that index.
    [[nodiscard]] bool is(std::uint32_t index, std::uint64_t nsproxy, const NsSet& set) const {
        const SetRecord& record = table_[index];
        return record.nsproxy == nsproxy && record.ns == set;
    }
    void unindex(std::uint32_t index);
    void link(std::uint32_t index, Slot slot, std::uint32_t inum);
    void unlink(std::uint32_t index, Slot slot, std::uint32_t inum, std::uint64_t boot_ns);

    SetTable& table_;
    NsTable& namespaces_;
    // By hash; of two sets with one hash the later one is simply not shared.
    KeyIndex<std::uint64_t, std::uint32_t, 6> index_;
    // Of each namespace the list of the places where sets refer to it, so that forget() finds them.
    // A place is index * 16 + slot; 0 is the end.
    struct Place {
        std::uint32_t next = 0;
        std::uint32_t previous = 0;
    };
    [[nodiscard]] Place& place(std::uint32_t number) {
        return places_.at(number / 16)[number % 16];
    }
    PagedTable<std::array<Place, slot_count>, 6, 8, 9> places_;  // as many as a SetTable has
};

}  // namespace nstrail
