// SPDX-License-Identifier: Apache-2.0
#include "model/task.hpp"

#include <algorithm>
#include <memory>
#include <new>

namespace nstrail {

std::string_view slot_name(Slot slot) {
    switch (slot) {
        case Slot::mnt:
            return "mnt";
        case Slot::uts:
            return "uts";
        case Slot::ipc:
            return "ipc";
        case Slot::net:
            return "net";
        case Slot::cgroup:
            return "cgroup";
        case Slot::time:
            return "time";
        case Slot::time_for_children:
            return "time_for_children";
        case Slot::pid_for_children:
            return "pid_for_children";
        case Slot::pid:
            return "pid";
        case Slot::user:
            return "user";
    }
    __builtin_unreachable();
}

NsType slot_type(Slot slot) {
    switch (slot) {
        case Slot::mnt:
            return NST_ns_type_mnt;
        case Slot::uts:
            return NST_ns_type_uts;
        case Slot::ipc:
            return NST_ns_type_ipc;
        case Slot::net:
            return NST_ns_type_net;
        case Slot::cgroup:
            return NST_ns_type_cgroup;
        case Slot::time:
        case Slot::time_for_children:
            return NST_ns_type_time;
        case Slot::pid_for_children:
        case Slot::pid:
            return NST_ns_type_pid;
        case Slot::user:
            return NST_ns_type_user;
    }
    __builtin_unreachable();
}

NsSet::NsSet(const nst_ns_set& wire) {
    (*this)[Slot::mnt] = wire.mnt;
    (*this)[Slot::uts] = wire.uts;
    (*this)[Slot::ipc] = wire.ipc;
    (*this)[Slot::net] = wire.net;
    (*this)[Slot::cgroup] = wire.cgroup;
    (*this)[Slot::time] = wire.time;
    (*this)[Slot::time_for_children] = wire.time_for_children;
    (*this)[Slot::pid_for_children] = wire.pid_for_children;
    (*this)[Slot::pid] = wire.pid;
    (*this)[Slot::user] = wire.user;
}

PidVector::PidVector(std::span<const nst_pid_nr> numbers) {
    // {0, 0} in a place of its own would look like the end.
    if (numbers.size() <= near_.size() && std::ranges::none_of(numbers, none) &&
        (numbers.empty() || !same(numbers[0], elsewhere))) {
        std::ranges::copy(numbers, near_.begin());
        return;
    }
    if (numbers.size() == 1 && none(numbers[0])) {
        return;
    }
    near_ = {elsewhere, std::bit_cast<nst_pid_nr>(Many::make(numbers))};
}

PidVector::Many* PidVector::Many::make(std::span<const nst_pid_nr> numbers) {
    static_assert(alignof(nst_pid_nr) <= alignof(Many));
    void* const room = operator new(sizeof(Many) + numbers.size_bytes());
    auto* const many = new (room) Many{.count = static_cast<std::uint32_t>(numbers.size())};
    std::ranges::uninitialized_copy(numbers, many->numbers());
    return many;
}

void PidVector::Many::free(Many* many) {
    many->~Many();
    operator delete(many);
}

std::string_view task_state_name(TaskState state) {
    switch (state) {
        case TaskState::alive:
            return "alive";
        case TaskState::exiting:
            return "exiting";
        case TaskState::zombie:
            return "zombie";
    }
    __builtin_unreachable();
}

}  // namespace nstrail
