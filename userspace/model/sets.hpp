// SPDX-License-Identifier: Apache-2.0
// The sets of namespaces that tasks are in, each kept once: a million tasks share few of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

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

    /// The index of that set where somebody holds it already, to be given back by release() or
    /// change(); `guess`: maybe it is this one. `zombie`, here and below: of the task it is for.
    [[nodiscard]] std::optional<std::uint32_t> share(std::uint64_t nsproxy, const NsSet& set,
                                                     std::uint32_t guess, bool zombie);
    /// Gives back `from` and returns the index of that set, which nobody holds, to be given back in
    /// its turn. Precondition: what it refers to lives.
    [[nodiscard]] std::uint32_t change(std::uint32_t from, std::uint64_t nsproxy, const NsSet& set,
                                       bool zombie, std::uint64_t boot_ns);
    void release(std::uint32_t index, bool zombie, std::uint64_t boot_ns) {
        if (index == 0) {
            return;
        }
        SetRecord& record = table_.at(index);
        record.zombies -= zombie ? 1 : 0;
        if (--record.references == 0 && index != kept_) {
            drop_kept(boot_ns);
            if (may_stay(record)) {
                kept_ = index;
            } else {
                remove(index, record, boot_ns);
            }
        }
    }
    /// No set stays that nobody is in.
    void drop_kept(std::uint64_t boot_ns);
    /// A task in that set has become a zombie (+1), or is none any more (-1).
    void add_zombie(std::uint32_t index, int by) {
        if (index != 0) {
            table_.at(index).zombies += static_cast<std::uint32_t>(by);
        }
    }
    /// Time grows with the number of sets that refer to it.
    [[nodiscard]] Population population(std::uint32_t inum) const;
    /// The namespace whose list begins there has gone: no set refers to it any more. Time grows
    /// with the number of those that did.
    void forget(std::uint32_t first_place);

private:
    [[nodiscard]] static std::uint64_t hash(std::uint64_t nsproxy, const NsSet& set);
    /// The record of that index if it is that set, else null.
    [[nodiscard]] SetRecord* at_if(std::uint32_t index, std::uint64_t nsproxy, const NsSet& set) {
        SetRecord& record = table_.at(index);
        return record.nsproxy == nsproxy && record.ns == set ? &record : nullptr;
    }
    [[nodiscard]] bool may_stay(const SetRecord& record);
    void remove(std::uint32_t index, SetRecord& record, std::uint64_t boot_ns);
    void index(std::uint32_t index, const SetRecord& record);
    void unindex(std::uint32_t index, const SetRecord& record);
    void relink(std::uint32_t index, const NsSet& before, const NsSet& after,
                std::uint64_t boot_ns);
    void link(std::uint32_t number, Slot slot, NsRecord& ns);
    void unlink(std::uint32_t number, Slot slot, NsRecord& ns, std::uint64_t boot_ns);

    SetTable& table_;
    NsTable& namespaces_;
    // A set of zombies that nobody is in any more, or is again: the next exit there wants the same.
    // 0 = none. It stays only until another set loses its last task or changes, since that may have
    // been what else its namespaces had: whether a namespace has tasks can be told by whether it
    // has sets.
    std::uint32_t kept_ = 0;
    // By hash; of two sets with one hash the later one is simply not shared.
    KeyIndex<std::uint64_t, std::uint32_t, 6> index_;
    // Of each namespace the list of the places where sets refer to it, so that forget() finds them.
    // A place is index * 16 + slot; 0 is the end.
    struct Place {
        std::uint32_t next = 0;
        std::uint32_t previous = 0;
    };
    static constexpr std::uint32_t places_at_once = 1024;  // of 64 sets
    [[nodiscard]] Place& place(std::uint32_t number) {
        return (*places_[number / places_at_once])[number % places_at_once];
    }
    [[nodiscard]] const Place& place(std::uint32_t number) const {
        return (*places_[number / places_at_once])[number % places_at_once];
    }
    std::vector<std::unique_ptr<std::array<Place, places_at_once>>> places_;
};

}  // namespace nstrail
