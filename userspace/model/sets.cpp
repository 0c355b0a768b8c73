// SPDX-License-Identifier: Apache-2.0
#include "model/sets.hpp"

#include <utility>

namespace nstrail {

/// Sets of one nsproxy differ in what it does not hold.
std::uint64_t Sets::hash(std::uint64_t nsproxy, const NsSet& set) {
    return nsproxy ^ (std::uint64_t{set[Slot::pid]} << 32 | set[Slot::user]);
}

std::optional<std::uint32_t> Sets::share(std::uint64_t nsproxy, const NsSet& set,
                                         std::uint32_t guess, bool zombie) {
    std::uint32_t index = guess;
    SetRecord* record = guess == 0 ? nullptr : at_if(guess, nsproxy, set);
    if (record == nullptr) {
        // 0 for that of nothing, which is not in the index.
        index = index_.find(hash(nsproxy, set));
        record = at_if(index, nsproxy, set);
    }
    if (record == nullptr) {
        return std::nullopt;
    }
    if (index != 0) {
        record->references++;
        record->zombies += zombie ? 1 : 0;
    }
    return index;
}

std::uint32_t Sets::change(std::uint32_t from, std::uint64_t nsproxy, const NsSet& set, bool zombie,
                           std::uint64_t boot_ns) {
    const auto become = [&](std::uint32_t to, SetRecord& record, const NsSet& before) {
        record.nsproxy = nsproxy;
        record.ns = set;
        record.references = 1;
        record.zombies = zombie ? 1 : 0;
        relink(to, before, set, boot_ns);
        index(to, record);
    };
    if (SetRecord& record = table_.at(from); from != 0 && record.references == 1) {
        // Nobody else is in it: it becomes the other, of which most may be the same.
        drop_kept(boot_ns);
        unindex(from, record);
        become(from, record, NsSet(record.ns));
        return from;
    }
    const auto [to, record] = table_.allocate();
    while (to / (places_at_once / 16) >= places_.size()) {
        places_.push_back(std::make_unique<std::array<Place, places_at_once>>());
    }
    become(to, record, NsSet{});
    release(from, zombie, boot_ns);
    return to;
}

void Sets::index(std::uint32_t index, const SetRecord& record) {
    if (std::uint32_t& known = index_.meet(hash(record.nsproxy, record.ns)); known == 0) {
        known = index;
    }
}

void Sets::unindex(std::uint32_t index, const SetRecord& record) {
    index_.erase_if(hash(record.nsproxy, record.ns),
                    [&](std::uint32_t known) { return known == index; });
}

/// Whether a set that nobody is in any more may stay: one of zombies, in namespaces that others
/// have too. Precondition: somebody is in each other set.
bool Sets::may_stay(const SetRecord& record) {
    NsSet zombies;
    for (const Slot slot : {Slot::pid, Slot::user}) {
        const NsRecord* ns = namespaces_.look(record.ns[slot]);
        if (record.nsproxy != 0 || ns == nullptr || ns->task_sets < 2) {
            return false;
        }
        zombies[slot] = record.ns[slot];
    }
    return record.ns == zombies;
}

void Sets::drop_kept(std::uint64_t boot_ns) {
    const std::uint32_t index = std::exchange(kept_, 0);
    if (index == 0) {
        return;
    }
    if (SetRecord& record = table_.at(index); record.references == 0) {
        remove(index, record, boot_ns);
    }
}

void Sets::remove(std::uint32_t index, SetRecord& record, std::uint64_t boot_ns) {
    unindex(index, record);
    relink(index, record.ns, NsSet{}, boot_ns);
    table_.release(index, record);
}

void Sets::relink(std::uint32_t index, const NsSet& before, const NsSet& after,
                  std::uint64_t boot_ns) {
    for (const Slot slot : all_slots) {
        const std::uint32_t number = (index * 16) + static_cast<std::uint32_t>(slot);
        if (before[slot] == after[slot]) {
            continue;
        }
        if (before[slot] != 0) {
            unlink(number, slot, *namespaces_.edit(before[slot]), boot_ns);
        }
        if (after[slot] != 0) {
            link(number, slot, *namespaces_.edit(after[slot]));
        }
    }
}

void Sets::link(std::uint32_t number, Slot slot, NsRecord& ns) {
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

void Sets::unlink(std::uint32_t number, Slot slot, NsRecord& ns, std::uint64_t boot_ns) {
    const auto [next, previous] = place(number);
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

void Sets::forget(std::uint32_t first_place) {
    for (std::uint32_t number = first_place; number != 0; number = place(number).next) {
        const std::uint32_t index = number / 16;
        SetRecord& record = table_.at(index);
        unindex(index, record);
        record.ns[all_slots[number % 16]] = 0;
    }
}

Population Sets::population(std::uint32_t inum) const {
    Population all;
    const NsRecord* ns = namespaces_.find(inum);
    for (std::uint32_t number = ns == nullptr ? 0 : ns->first_place; number != 0;) {
        table_[number / 16].add_to(all, all_slots[number % 16]);
        number = place(number).next;
    }
    return all;
}

}  // namespace nstrail
