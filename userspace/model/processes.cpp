// SPDX-License-Identifier: Apache-2.0
#include "model/processes.hpp"

namespace nstrail {

Processes::Index Processes::find(std::uint32_t tgid) const {
    return tgid < decltype(by_tgid_)::capacity ? by_tgid_[tgid] : none;
}

/// With its one reference.
Processes::Made Processes::make(std::uint32_t tgid) {
    const Made made = all_.allocate();
    made.record.tgid = tgid;
    made.record.references = 1;
    made.record.parent = unknown;
    made.record.heir = unknown;
    by_tgid_.at(tgid) = made.index;
    return made;
}

void Processes::unindex(Index process, std::uint32_t tgid) {
    if (Index& living = by_tgid_.at(tgid); living == process) {
        living = none;
    }
}

Processes::Index Processes::acquire(std::uint32_t tgid) {
    if (tgid == 0) {
        return none;
    }
    if (tgid >= decltype(by_tgid_)::capacity) {
        return unknown;  // no kernel gives such a number
    }
    const Index known = by_tgid_[tgid];
    if (known == none) {
        return make(tgid).index;
    }
    all_.at(known).references++;
    return known;
}

Processes::Made Processes::create(std::uint32_t tgid, std::uint32_t parent_tgid) {
    const Made made = make(tgid);
    made.record.parent = acquire(parent_tgid);
    return made;
}

void Processes::release(Index index) {
    // A chain of dead processes that only refer to one another goes in one loop, not in recursion.
    while (real(index)) {
        ProcessRecord& record = all_.at(index);
        if (--record.references != 0) {
            return;
        }
        const ProcessRecord gone = record;
        if (!gone.dead) {
            unindex(index, gone.tgid);
        }
        all_.release(index, record);
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
    if (!real(process)) {
        return;
    }
    ProcessRecord& record = all_.at(process);
    if (!record.dead) {
        unindex(process, record.tgid);
        record.dead = true;
        record.heir = heir_tgid == 0 ? unknown : acquire(heir_tgid);
    }
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
