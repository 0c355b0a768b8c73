// SPDX-License-Identifier: Apache-2.0
#include "model/sets.hpp"

#include <utility>

namespace nstrail {

/// Sets of one nsproxy differ in what it does not hold.
std::uint64_t Sets::hash(std::uint64_t nsproxy, const NsSet& set) {
    return nsproxy ^ (std::uint64_t{set[Slot::pid]} << 32 | set[Slot::user]);
}

std::optional<std::uint32_t> Sets::share(std::uint64_t nsproxy, const NsSet& set,
                                         std::uint32_t guess) {
    std::uint32_t index = guess;
    if (!is(index, nsproxy, set)) {
        index = nsproxy == 0 && set == NsSet{} ? 0 : index_.find(hash(nsproxy, set));
        if (!is(index, nsproxy, set)) {
            return std::nullopt;
        }
    }
    if (index != 0) {
        table_.at(index).references++;
    }
    return index;
}

std::uint32_t Sets::acquire(std::uint64_t nsproxy, const NsSet& set) {
    if (const auto known = share(nsproxy, set, 0)) {
        return *known;
    }
    const std::uint32_t made = table_.allocate();
    SetRecord& record = table_.at(made);
    record.nsproxy = nsproxy;
    record.ns = set;
    record.references = 1;
    for (const Slot slot : all_slots) {
        link(made, slot, set[slot]);
    }
    if (std::uint32_t& known = index_.meet(hash(nsproxy, set)); known == 0) {
        known = made;
    }
    return made;
}

void Sets::unindex(std::uint32_t index) {
    const SetRecord& record = table_[index];
    const std::uint64_t sum = hash(record.nsproxy, record.ns);
    if (index_.find(sum) == index) {
        index_.erase(sum);
    }
}

void Sets::release(std::uint32_t index, std::uint64_t boot_ns) {
    if (index != 0 && --table_.at(index).references == 0) {
        unindex(index);
        for (const Slot slot : all_slots) {
            unlink(index, slot, table_[index].ns[slot], boot_ns);
        }
        table_.release(index);
    }
}

void Sets::link(std::uint32_t index, Slot slot, std::uint32_t inum) {
    if (inum == 0) {
        return;
    }
    NsRecord& ns = *namespaces_.edit(inum);
    const std::uint32_t number = (index * 16) + static_cast<std::uint32_t>(slot);
    const std::uint32_t next = std::exchange(ns.first_place, number);
    place(number) = {.next = next, .previous = 0};
    if (next != 0) {
        place(next).previous = number;
    }
    if (for_children(slot)) {
        ns.child_sets++;
    } else {
        ns.task_sets++;
        ns.emptied_ns = 0;
    }
}

void Sets::unlink(std::uint32_t index, Slot slot, std::uint32_t inum, std::uint64_t boot_ns) {
    if (inum == 0) {
        return;
    }
    NsRecord& ns = *namespaces_.edit(inum);
    const auto [next, previous] = place((index * 16) + static_cast<std::uint32_t>(slot));
    (previous == 0 ? ns.first_place : place(previous).next) = next;
    if (next != 0) {
        place(next).previous = previous;
    }
    if (for_children(slot)) {
        ns.child_sets--;
    } else if (--ns.task_sets == 0) {
        ns.emptied_ns = boot_ns;
    }
}

void Sets::forget(const NsRecord& gone) {
    for (std::uint32_t number = gone.first_place; number != 0; number = place(number).next) {
        const std::uint32_t index = number / 16;
        unindex(index);
        table_.at(index).ns[all_slots[number % 16]] = 0;
    }
}

Population Sets::population(std::uint32_t inum) const {
    Population all;
    const NsRecord* ns = namespaces_.find(inum);
    for (std::uint32_t number = ns == nullptr ? 0 : ns->first_place; number != 0;) {
        table_[number / 16].add_to(all, all_slots[number % 16]);
        number = places_[number / 16][number % 16].next;
    }
    return all;
}

}  // namespace nstrail
