// SPDX-License-Identifier: Apache-2.0
#include "model/sets.hpp"

#include <utility>

namespace nstrail {

std::uint64_t Sets::hash(std::uint64_t nsproxy, const NsSet& set) {
    std::uint64_t sum = nsproxy;
    for (const Slot slot : all_slots) {
        sum = (sum ^ set[slot]) * 0x9E3779B97F4A7C15ULL;  // 2^64 / golden ratio
        sum ^= sum >> 32;
    }
    return sum;
}

std::uint32_t Sets::acquire(std::uint64_t nsproxy, const NsSet& set) {
    if (nsproxy == 0 && set == NsSet{}) {
        return 0;
    }
    const std::uint64_t sum = hash(nsproxy, set);
    std::uint32_t& known = index_[sum];
    if (known != 0) {
        SetRecord& record = table_.at(known);
        if (record.nsproxy == nsproxy && record.ns == set) {
            record.references++;
            return known;
        }
    }
    const std::uint32_t made = table_.allocate();
    SetRecord& record = table_.at(made);
    record.nsproxy = nsproxy;
    record.references = 1;
    for (const Slot slot : all_slots) {
        set_slot(made, slot, set[slot]);
    }
    if (known == 0) {
        known = made;
    }
    return made;
}

void Sets::unindex(std::uint32_t index) {
    const SetRecord& record = table_[index];
    const std::uint64_t sum = hash(record.nsproxy, record.ns);
    if (const std::uint32_t* at = index_.find(sum); at != nullptr && *at == index) {
        index_.erase(sum);
    }
}

void Sets::release(std::uint32_t index) {
    if (index != 0 && --table_.at(index).references == 0) {
        unindex(index);
        for (const Slot slot : all_slots) {
            set_slot(index, slot, 0);
        }
        table_.release(index);
    }
}

void Sets::set_slot(std::uint32_t index, Slot slot, std::uint32_t inum) {
    const auto number =
        static_cast<std::uint32_t>((index * slot_count) + static_cast<std::size_t>(slot));
    std::uint32_t& now = table_.at(index).ns[slot];
    Place& place = places_.at(number);
    if (now != 0) {
        (place.previous == 0 ? first_.at(now) : places_.at(place.previous).next) = place.next;
        if (place.next != 0) {
            places_.at(place.next).previous = place.previous;
        }
    }
    now = inum;
    place = {};
    if (inum != 0) {
        place.next = std::exchange(first_.at(inum), number);
        if (place.next != 0) {
            places_.at(place.next).previous = number;
        }
    }
}

void Sets::forget(std::uint32_t inum) {
    const std::uint32_t* first = first_.find(inum);
    while (first != nullptr && *first != 0) {
        const std::uint32_t index = *first / slot_count;
        const Slot slot = all_slots[*first % slot_count];
        unindex(index);
        set_slot(index, slot, 0);
    }
}

}  // namespace nstrail
