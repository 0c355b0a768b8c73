// SPDX-License-Identifier: Apache-2.0
// What the rules know: the lives of tasks, struct pids, numbers, inode numbers and nsproxies, as
// live events told them, and where in the stream each thing was told.
//
// What a snapshot teaches is soft and has no place here, so no rule rests on it. A gap empties the
// ledger, because whatever was in it may have changed unseen. So all that is found here was told
// since the last gap, and a contradiction to it is one (unless a loss is still to be told, see
// Checker).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "event/event.hpp"
#include "rules/lives.hpp"

namespace nstrail {

/// A position in the stream, counting events from 1: where something was told.
using Place = std::uint64_t;
inline constexpr Place not_told = 0;

/// A task's release, told until sched_process_free.
struct Released {
    Place at = not_told;
    std::uint64_t start_boottime_ns = 0;
};

struct TaskLife {
    Place born = not_told;
    Place moved = not_told;       ///< the latest change of its nsproxy
    Place left = not_told;        ///< its nsproxy became NULL
    Place exchanged = not_told;   ///< exchange_tids, since its last exec
    Place acted = not_told;       ///< the latest that current did outside of a fork
    Place allocated = not_told;   ///< alloc_pid for a child that has not come yet
    std::uint64_t child_pid = 0;  ///< key of that struct pid
    std::uint64_t pid_key = 0;    ///< once born: its own struct pid
    std::uint64_t nsproxy = 0;    ///< once born or moved
    std::uint64_t set = 0;        ///< hash of the references of that nsproxy
    Released released{};

    /// Where its nsproxy was told.
    [[nodiscard]] Place set_told() const { return moved != not_told ? moved : born; }
};

/// A struct pid, from alloc_pid on; for a while also after free_pid.
struct PidLife {
    Place allocated = not_told;
    Place attached = not_told;    ///< task_newtask
    Place released = not_told;    ///< release_task of the task it was attached to
    Place freed = not_told;       ///< free_pid
    std::uint64_t vector = 0;     ///< hash
    std::uint64_t allocator = 0;  ///< key of the task that allocated it
    std::uint32_t allocator_tid = 0;
    std::uint32_t innermost = 0;  ///< inum of its active pid namespace
    std::uint32_t nr = 0;         ///< its number there
};

/// A number in use in a pid namespace.
struct NumberUser {
    std::uint64_t pid_key = 0;
    Place since = not_told;

    [[nodiscard]] bool operator==(const NumberUser&) const = default;
};

/// An inode number of a namespace (or of procfs); for a while also after its free.
struct InumLife {
    Place allocated = not_told;
    Place freed = not_told;
    Place first_pid = not_told;   ///< pid namespace: its first number
    Place ended = not_told;       ///< pid namespace: the leader of its init was released
    Place child_told = not_told;  ///< the latest child namespace was told
    std::uint32_t numbers = 0;    ///< pid namespace: in use
    std::uint32_t children = 0;   ///< pid, user: living child namespaces
    std::uint32_t parent = 0;     ///< inum of which this one counts as a child

    [[nodiscard]] bool live() const { return allocated > freed; }
};

/// An nsproxy that tasks hold.
struct NsproxyLife {
    Place since = not_told;
    std::uint64_t set = 0;      ///< hash of its references
    std::uint32_t holders = 0;  ///< at least
};

/// A thread group with threads besides its leader.
struct GroupLife {
    Place joined = not_told;    ///< the latest of them
    std::uint32_t threads = 0;  ///< that live, at least
};

[[nodiscard]] std::uint64_t hash_of(std::span<const nst_pid_nr> vector);
[[nodiscard]] std::uint64_t hash_of(std::span<const nst_pid_request> vector);
/// Of the eight references of an nsproxy.
[[nodiscard]] std::uint64_t hash_of(const nst_ns_set& set);

/// A function of the events alone. One thread. Pointers are good until the next take().
class Ledger {
public:
    /// The place of the next event to be taken.
    [[nodiscard]] Place here() const { return here_; }

    // All null, or empty, if not known.
    /// One that has not been released.
    [[nodiscard]] const TaskLife* task(std::uint64_t key) const {
        const TaskLife* life = tasks_.find(key);
        return life != nullptr && life->released.at == not_told ? life : nullptr;
    }
    [[nodiscard]] const PidLife* pid(std::uint64_t key) const { return pids_.find(key); }
    [[nodiscard]] NumberUser number(std::uint32_t pid_namespace, std::uint32_t nr) const {
        return numbers_.find(number_key(pid_namespace, nr));
    }
    [[nodiscard]] const InumLife* inum(std::uint32_t inum) const {
        return inum < first_inum ? nullptr : inums_.find(inum);
    }
    [[nodiscard]] const NsproxyLife* nsproxy(std::uint64_t key) const {
        return nsproxies_.find(key);
    }
    [[nodiscard]] const GroupLife* group(std::uint32_t tgid) const { return groups_.find(tgid); }
    /// That task, and not another one at its address.
    [[nodiscard]] const Released* released(const nst_task_ref& task) const {
        const TaskLife* life = tasks_.find(task.key);
        const bool same = life != nullptr && life->released.at != not_told &&
                          life->released.start_boottime_ns == task.start_boottime_ns;
        return same ? &life->released : nullptr;
    }

    void take(const Event& event);

private:
    /// Numbers below belong to the initial namespaces and are never given out.
    static constexpr std::uint32_t first_inum = 0xF0000000;
    /// How many struct pids and inode numbers are remembered after their free.
    static constexpr std::size_t kept = 512;

    [[nodiscard]] static std::uint64_t number_key(std::uint32_t pid_namespace, std::uint32_t nr) {
        return std::uint64_t{pid_namespace} << 32 | nr;
    }
    /// The latest `kept` keys, in a ring.
    template <class Key>
    class Recent {
    public:
        /// Returns the key that it takes the place of, 0 if there was none.
        Key push(Key key) { return std::exchange(keys_[next_++ % kept], key); }
        void clear() { keys_.fill(0); }

    private:
        std::array<Key, kept> keys_{};
        std::size_t next_ = 0;
    };

    void forget_all();
    void on(const Event& event, const nst_gap& e);
    void on(const Event& event, const nst_session& e);
    void on(const Event& event, const nst_inum_alloc& e);
    void on(const Event& event, const nst_inum_free& e);
    void on(const Event& event, const nst_namespace& e);
    void on(const Event& event, const nst_alloc_pid& e);
    void on(const Event& event, const nst_free_pid& e);
    void on(const Event& event, const nst_task_new& e);
    void on(const Event& event, const nst_task_exec& e);
    void on(const Event& event, const nst_task_release& e);
    void on(const Event& event, const nst_task_free& e);
    void on(const Event& event, const nst_exchange_tids& e);
    void on(const Event& event, const nst_ns_switch& e);
    void on(const Event& event, const nst_cred_user_ns& e);
    template <class T>
    void on(const Event& /*event*/, const T& /*e*/) {}

    [[nodiscard]] TaskLife* living(std::uint64_t key) {
        TaskLife* life = tasks_.find(key);
        return life != nullptr && life->released.at == not_told ? life : nullptr;
    }
    /// Made if there is none, or one that was released.
    [[nodiscard]] TaskLife& meet_task(std::uint64_t key) {
        TaskLife& life = tasks_[key];
        if (life.released.at != not_told) {
            life = {};
        }
        return life;
    }

    void hold(TaskLife& task, std::uint64_t nsproxy, std::uint64_t set);
    void leave(TaskLife& task);

    Place here_ = 1;
    nst_session session_{};
    Lives<std::uint64_t, TaskLife> tasks_;
    Lives<std::uint64_t, PidLife> pids_;
    Lives<std::uint32_t, InumLife> inums_;
    KeyIndex<std::uint64_t, NumberUser, 4> numbers_;
    Lives<std::uint64_t, NsproxyLife> nsproxies_;
    Lives<std::uint32_t, GroupLife> groups_;
    Recent<std::uint64_t> freed_pids_;
    Recent<std::uint32_t> freed_inums_;
};

}  // namespace nstrail
