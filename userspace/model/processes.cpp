// SPDX-License-Identifier: Apache-2.0
#include "model/processes.hpp"

#include <utility>

namespace nstrail {

Processes::Index Processes::allocate(std::uint32_t tgid) {
    Index index = none;
    if (free_.empty()) {
        index = static_cast<Index>(all_.size());
        all_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
    }
    all_[index] = Process{};
    all_[index].tgid = tgid;
    by_tgid_[tgid] = index;
    return index;
}

Processes::Index Processes::acquire(std::uint32_t tgid) {
    if (tgid == 0) {
        return none;
    }
    const auto known = by_tgid_.find(tgid);
    const Index index = known != by_tgid_.end() ? known->second : allocate(tgid);
    all_[index].references++;
    return index;
}

Processes::Index Processes::create(std::uint32_t tgid) {
    const Index index = allocate(tgid);
    all_[index].references++;
    return index;
}

void Processes::release(Index index) {
    // A chain of dead processes that only refer to one another goes in one loop, not in recursion.
    while (real(index) && --all_[index].references == 0) {
        const Process gone = all_[index];
        if (const auto at = by_tgid_.find(gone.tgid); at != by_tgid_.end() && at->second == index) {
            by_tgid_.erase(at);
        }
        free_.push_back(index);
        release(gone.parent);
        index = gone.heir;
    }
}

void Processes::set_parent(Index process, std::uint32_t tgid) {
    if (!real(process)) {
        return;
    }
    const Index parent = acquire(tgid);
    const Index before = all_[process].parent;
    all_[process].parent = parent;
    release(before);
}

void Processes::forget_parent(Index process) {
    if (real(process)) {
        release(std::exchange(all_[process].parent, unknown));
    }
}

void Processes::die(Index process, std::uint32_t heir_tgid) {
    if (!real(process) || all_[process].dead) {
        return;
    }
    if (const auto at = by_tgid_.find(all_[process].tgid);
        at != by_tgid_.end() && at->second == process) {
        by_tgid_.erase(at);
    }
    all_[process].dead = true;
    const Index heir = heir_tgid == 0 ? unknown : acquire(heir_tgid);
    all_[process].heir = heir;
}

std::optional<std::uint32_t> Processes::parent_tgid(Index process) const {
    if (!real(process)) {
        return std::nullopt;
    }
    Index parent = all_[process].parent;
    while (real(parent) && all_[parent].dead) {
        parent = all_[parent].heir;
    }
    return parent == unknown ? std::nullopt : std::optional(all_[parent].tgid);
}

}  // namespace nstrail
