// SPDX-License-Identifier: Apache-2.0
// The world as the events tell it: tasks, namespaces, their hierarchy, and what of it is certain.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "model/account.hpp"
#include "model/namespaces.hpp"
#include "model/processes.hpp"
#include "model/snapshot.hpp"
#include "model/task.hpp"

namespace nstrail {

/// What one event did. Pointers are valid until the next apply().
struct Change {
    const Task* task = nullptr;     ///< the task it was about, as it is now
    std::optional<Task> released;   ///< the task it took away
    const Namespace* ns = nullptr;  ///< the namespace it was about, as it is now
    bool became_certain = false;
    bool became_uncertain = false;
};

/// A deterministic function of the events: no clock, no I/O, no threads. One writer calls apply();
/// readers get a Snapshot, a copy that nobody changes.
class World {
public:
    World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    Change apply(const Event& event);

    [[nodiscard]] const Account& account() const { return account_; }
    /// The first snapshot is complete, and every gap since has been closed by another.
    [[nodiscard]] bool certain() const { return synchronized_ && !gap_open_; }
    [[nodiscard]] bool synchronized() const { return synchronized_; }
    /// Only a snapshot can make it certain (again), and none is under way that could. One that
    /// something was lost of cannot, and its end mark may be what was lost.
    [[nodiscard]] bool wants_snapshot() const { return !certain() && (!in_round_ || round_dirty_); }
    [[nodiscard]] const nst_session& session() const { return session_; }
    [[nodiscard]] std::size_t task_count() const { return by_key_.size(); }

    /// A copy of all there is, for readers. Time grows with the number of tasks and namespaces.
    [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;

    /// The task with that tid in the initial pid namespace, or null.
    [[nodiscard]] const Task* find_task(std::uint32_t tid) const;
    [[nodiscard]] const Namespace* find_namespace(std::uint32_t inum) const {
        return namespaces_.find(inum);
    }

private:
    [[nodiscard]] bool hooked(nst_hook hook) const { return (session_.hooks >> hook & 1) != 0; }

    // tasks.cpp
    void on(const Event& event, const nst_task_new& e, Change& change);
    void on(const Event& event, const nst_task_seen& e, Change& change);
    void on(const Event& event, const nst_task_exec& e, Change& change);
    void on(const Event& event, const nst_task_rename& e, Change& change);
    void on(const Event& event, const nst_task_exit& e, Change& change);
    void on(const Event& event, const nst_task_release& e, Change& change);
    void on(const Event& event, const nst_task_free& e, Change& change);
    void on(const Event& event, const nst_exchange_tids& e, Change& change);
    void on(const Event& event, const nst_ns_switch& e, Change& change);
    void on(const Event& event, const nst_cred_user_ns& e, Change& change);
    // world.cpp
    void on(const Event& event, const nst_session& e, Change& change);
    void on(const Event& event, const nst_mark& e, Change& change);
    void on(const Event& event, const nst_gap& e, Change& change);
    void on(const Event& event, const nst_namespace& e, Change& change);
    void on(const Event& event, const nst_alloc_pid& e, Change& change);
    void on(const Event& event, const nst_free_pid& e, Change& change);
    void on(const Event& event, const nst_inum_alloc& e, Change& change);
    void on(const Event& event, const nst_inum_free& e, Change& change);
    void on(const Event& event, const nst_ns_last_pid& e, Change& change);
    void on(const Event& /*event*/, const nst_cgroup& /*e*/, Change& /*change*/) {}
    void on(const Event& /*event*/, const nst_task_cgroup& /*e*/, Change& /*change*/) {}
    void on(const Event& /*event*/, const nst_task_exe& /*e*/, Change& /*change*/) {}
    void on(const Event& /*event*/, const nst_ns_holder& /*e*/, Change& /*change*/) {}

    using TaskSlot = std::uint32_t;
    static constexpr TaskSlot no_task = 0;
    [[nodiscard]] Task* find_key(std::uint64_t key);
    Task& add_task(const nst_task_ref& ref);
    void drop_task(Task& task);
    void evict(const nst_task_ref& ref, std::uint64_t& counter);
    void index_tid(const Task& task, TaskSlot slot);
    void unindex_tid(std::uint32_t tid, TaskSlot slot);
    void exchange(Task& one, Task& other);
    void learn_exchange(Task& leader, const nst_task_ref& now);
    void learn_namespaces(Task& task, const nst_ns_set& set);
    void process_dies(const nst_task_exit& e);
    void mark_dying(const Task& init);
    void set_parent(const Task& task, std::uint32_t ppid);
    void set_last_pid(Namespace& ns, std::uint32_t last_pid);
    void forget_round();
    void touch(Task& task);
    void set_slot(Task& task, Slot slot, std::uint32_t inum);
    void set_namespaces(Task& task, std::uint64_t nsproxy, const NsSet& set);
    void leave_nsproxy(Task& task);
    void set_state(Task& task, TaskState state);
    void set_vector(Task& task, std::span<const nst_pid_nr> vector);
    Namespace& meet(std::uint32_t inum, NsType type);
    void count(const Task& task, Slot slot, int by);
    void finish_round();
    void orphan(std::uint32_t inum);

    nst_session session_{};
    Account account_;
    Namespaces namespaces_;
    Processes processes_;

    std::vector<Task> tasks_;  // slab; [0] is nobody
    std::vector<TaskSlot> free_tasks_;
    boost::unordered_flat_map<std::uint64_t, TaskSlot> by_key_;
    std::vector<TaskSlot>
        by_tid_;  // index: tid in the initial pid namespace; grows to pid_max at most

    std::uint64_t now_ = 0;  // boot_ns of the latest event, never going back
    bool synchronized_ = false;
    bool gap_open_ = false;
    bool in_round_ = false;
    bool round_dirty_ = false;  // a gap during the round: it proves nothing
    std::uint32_t round_ = 0;
    // Only during a round: what live events said of tasks before their snapshot record came.
    boost::unordered_flat_map<std::uint64_t, std::uint64_t>
        tombstones_;  // key → start_boottime of a released task
    struct Pending {
        std::uint64_t nsproxy = 0;
        NsSet ns;
        bool switched = false;  // nsproxy and ns hold what a switch set
        bool exiting = false;
        bool last = false;  // and was the last of its group
        bool left = false;  // nsproxy became NULL
        std::int32_t exit_code = 0;
        std::uint32_t user = 0;
        std::array<char, 16> comm{};
    };
    boost::unordered_flat_map<std::uint64_t, Pending> pending_;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> heirs_;  // tgid of a dead → heir
    boost::unordered_flat_set<std::uint32_t> freed_;  // inums given back and not out again
    // Facts that came ahead of the event that says whether the namespace is new (births not
    // hooked).
    boost::unordered_flat_map<std::uint32_t, nst_namespace> early_facts_;
};

}  // namespace nstrail
