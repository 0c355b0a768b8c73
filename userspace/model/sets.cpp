// SPDX-License-Identifier: Apache-2.0
#include "model/sets.hpp"

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
    const auto known = index_.find(sum);
    if (known != index_.end()) {
        SetRecord& record = table_.at(known->second);
        if (record.nsproxy == nsproxy && record.ns == set) {
            record.references++;
            return known->second;
        }
    }
    const std::uint32_t made = table_.allocate();
    SetRecord& record = table_.at(made);
    record.nsproxy = nsproxy;
    record.ns = set;
    record.references = 1;
    if (known == index_.end()) {
        index_[sum] = made;
    }
    return made;
}

void Sets::unindex(std::uint32_t index) {
    const SetRecord& record = table_[index];
    if (const auto at = index_.find(hash(record.nsproxy, record.ns));
        at != index_.end() && at->second == index) {
        index_.erase(at);
    }
}

void Sets::release(std::uint32_t index) {
    if (index != 0 && --table_.at(index).references == 0) {
        unindex(index);
        table_.release(index);
    }
}

void Sets::forget(std::uint32_t inum) {
    for (std::uint32_t index = 1; index <= table_.last(); index++) {
        for (const Slot slot : all_slots) {
            if (table_[index].ns[slot] == inum) {
                unindex(index);
                table_.at(index).ns[slot] = 0;
            }
        }
    }
}

}  // namespace nstrail
