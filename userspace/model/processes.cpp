// SPDX-License-Identifier: Apache-2.0
#include "model/processes.hpp"

namespace nstrail {

Processes::Index Processes::find(std::uint32_t tgid) const {
    return tgid < decltype(by_tgid_)::capacity ? by_tgid_[tgid] : none;
}

Processes::Index Processes::allocate(std::uint32_t tgid) {
    const Index index = all_.allocate();
    ProcessRecord& made = all_.at(index);
    made.tgid = tgid;
    made.parent = unknown;
    made.heir = unknown;
    by_tgid_.at(tgid) = index;
    return index;
}

void Processes::unindex(Index process) {
    const std::uint32_t tgid = all_[process].tgid;
    if (find(tgid) == process) {
        by_tgid_.at(tgid) = none;
    }
}

Processes::Index Processes::acquire(std::uint32_t tgid) {
    if (tgid == 0) {
        return none;
    }
    if (tgid >= decltype(by_tgid_)::capacity) {
        return unknown;  // no kernel gives such a number
    }
    const Index known = find(tgid);
    const Index index = known != none ? known : allocate(tgid);
    all_.at(index).references++;
    return index;
}

Processes::Index Processes::create(std::uint32_t tgid) {
    const Index index = allocate(tgid);
    all_.at(index).references++;
    return index;
}

void Processes::release(Index index) {
    // A chain of dead processes that only refer to one another goes in one loop, not in recursion.
    while (real(index) && --all_.at(index).references == 0) {
        const ProcessRecord gone = all_[index];
        if (!gone.dead) {
            unindex(index);
        }
        all_.release(index);
        if (gone.cgroup != 0 || gone.exe != 0) {
            gone_.emplace_back(gone.cgroup, gone.exe);
        }
        release(gone.parent);
        index = gone.heir;
    }
}

void Processes::set_parent(Index process, std::uint32_t tgid) {
    if (!real(process)) {
        return;
    }
    const Index parent = acquire(tgid);
    release(std::exchange(all_.at(process).parent, parent));
}

void Processes::forget_parent(Index process) {
    if (real(process)) {
        release(std::exchange(all_.at(process).parent, unknown));
    }
}

void Processes::die(Index process, std::uint32_t heir_tgid) {
    if (!real(process) || all_[process].dead) {
        return;
    }
    unindex(process);
    all_.at(process).dead = true;
    const Index heir = heir_tgid == 0 ? unknown : acquire(heir_tgid);
    all_.at(process).heir = heir;
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
