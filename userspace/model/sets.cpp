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

void Sets::release(std::uint32_t index) {
    if (index != 0 && --table_.at(index).references == 0) {
        unindex(index);
        for (const Slot slot : all_slots) {
            unlink(index, slot, table_[index].ns[slot]);
        }
        table_.release(index);
    }
}

void Sets::link(std::uint32_t index, Slot slot, std::uint32_t inum) {
    if (inum == 0) {
        return;
    }
    const std::uint32_t number = (index * 16) + static_cast<std::uint32_t>(slot);
    const std::uint32_t next = std::exchange(first_.at(inum), number);
    place(number) = {.next = next, .previous = 0};
    if (next != 0) {
        place(next).previous = number;
    }
}

void Sets::unlink(std::uint32_t index, Slot slot, std::uint32_t inum) {
    if (inum == 0) {
        return;
    }
    const auto [next, previous] = place((index * 16) + static_cast<std::uint32_t>(slot));
    (previous == 0 ? first_.at(inum) : place(previous).next) = next;
    if (next != 0) {
        place(next).previous = previous;
    }
}

void Sets::forget(std::uint32_t inum) {
    const std::uint32_t* first = first_.find(inum);
    while (first != nullptr && *first != 0) {
        const std::uint32_t index = *first / 16;
        const Slot slot = all_slots[*first % 16];
        unindex(index);
        unlink(index, slot, inum);
        table_.at(index).ns[slot] = 0;
    }
}

}  // namespace nstrail
