// SPDX-License-Identifier: Apache-2.0
// Engine: pid numbers, the last pid of each namespace and how it moved.
#include <algorithm>

#include "model/engine.hpp"

namespace nstrail {

namespace {

constexpr std::uint32_t reserved_pids = 300;  // RESERVED_PIDS: where a wrap goes on
// Allocations on other CPUs may be told in another order than they happened in; no more of them
// than this are under way at once.
constexpr std::uint32_t in_flight = 64;
// After a write allocations from before it may still be told.
constexpr std::uint8_t unsettled_allocations = 8;

/// No error is below -MAX_ERRNO; a damaged event may say so.
std::int32_t error_of(const nst_alloc_pid& e) {
    return std::max(e.error, -4095);
}

}  // namespace

/// How alloc_pid, which takes the lowest free number after the cursor (idr_alloc_cyclic), can have
/// come from the known last pid to this one. unknown: it has not, the news is old.
PidMove Engine::explain(const NsRecord& ns, std::uint32_t last_pid) const {
    if (!ns.last_pid_known || ns.unsettled != 0) {
        return PidMove::allocation;
    }
    // Numbers are skipped where they are in use: by tasks, or still by a session or process group.
    const auto skippable = [&](std::uint64_t numbers) {
        return numbers <= std::uint64_t{ns.pids_used} + state_.tasks.size() + in_flight;
    };
    if (last_pid > ns.last_pid) {
        return skippable(last_pid - ns.last_pid - 1) ? PidMove::allocation : PidMove::jump;
    }
    const std::uint32_t behind = ns.last_pid - last_pid;
    if (behind == 0 || (behind < in_flight && (ns.told_pids >> behind & 1) == 0)) {
        return PidMove::unknown;
    }
    const std::uint32_t pid_max = ns.pid_max != 0 ? ns.pid_max : state_.session.pid_max;
    const std::uint32_t from = last_pid >= reserved_pids ? reserved_pids : 1;
    const bool at_end = pid_max == 0 || ns.last_pid >= pid_max || skippable(pid_max - ns.last_pid);
    return at_end && skippable(last_pid - from) ? PidMove::allocation : PidMove::jump;
}

void Engine::move_last_pid(NsRecord& ns, std::uint32_t last_pid, PidMove move,
                           std::uint32_t mover_tid, const TaskRecord* mover) {
    const std::uint64_t ahead = std::uint64_t{last_pid} - ns.last_pid;
    ns.told_pids = ahead < in_flight ? ns.told_pids << ahead : 0;
    ns.last_pid = last_pid;
    ns.last_pid_known = true;
    ns.last_pid_round = in_round_ ? round_ : ns.last_pid_round;
    ns.last_move = move;
    ns.last_moved_ns = state_.now;
    ns.mover_tid = mover_tid;
    ns.mover_comm = mover != nullptr ? mover->comm : Comm{};
}

void Engine::on(const Event& event, const nst_alloc_pid& e, Change& change) {
    change.actor = find_key(e.actor.key);
    Account& account = state_.account;
    if (e.set_tid_size != 0) {
        (e.error == 0 ? account.set_tid_granted : account.set_tid_refused)++;
        keep_request(event, e);
    }
    if (e.error != 0) {
        account.alloc_failures[-error_of(e)]++;
        return;
    }
    // A number taken in turn moves the cursor; one that was asked for does not (alloc_pid).
    for (const nst_pid_request& one : event.tail<nst_alloc_pid, nst_pid_request>()) {
        NsRecord* ns = one.asked == 0 ? namespaces_.edit(one.pid_namespace) : nullptr;
        if (ns == nullptr) {
            continue;
        }
        // The cursor itself, where the event tells it; another allocation may have moved it on.
        const std::uint32_t last = std::max(one.last_pid, one.nr);
        const PidMove move = explain(*ns, last);
        if (move != PidMove::unknown) {
            account.pid_jumps += move == PidMove::jump ? 1 : 0;
            move_last_pid(*ns, last, move, e.actor.tid, change.actor);
        }
        if (const std::uint32_t behind = ns->last_pid - one.nr; behind < in_flight) {
            ns->told_pids |= 1ULL << behind;
        }
        if (ns->unsettled != 0) {
            ns->unsettled--;
        }
    }
    change.ns = namespaces_.look(e.pid_namespace);
}

void Engine::keep_request(const Event& event, const nst_alloc_pid& e) {
    const TaskRecord* actor = find_key(e.actor.key);
    const auto levels = event.tail<nst_alloc_pid, nst_pid_request>();
    state_.requests.own().push(
        {.at_boot_ns = event.boot_ns(),
         .actor = e.actor,
         .comm = actor != nullptr ? std::string(actor->name()) : std::string(),
         .pid_namespace = e.pid_namespace,
         .error = error_of(e),
         .set_tid_size = e.set_tid_size,
         .capabilities = e.actor_capabilities,
         .user = e.actor_user,
         .euid = e.actor_euid,
         .levels = {levels.begin(), levels.end()}});
}

void Engine::on(const Event& /*event*/, const nst_free_pid& e, Change& change) {
    change.actor = state_.find_task(e.actor_tid);
}

void Engine::on(const Event& /*event*/, const nst_ns_last_pid& e, Change& change) {
    change.actor = find_key(e.actor.key);
    if (NsRecord* ns = namespaces_.edit(e.pid_namespace); ns != nullptr) {
        move_last_pid(*ns, e.value, PidMove::write, e.actor.tid, change.actor);
        ns->unsettled = unsettled_allocations;
        change.ns = ns;
    }
}

}  // namespace nstrail
