// SPDX-License-Identifier: Apache-2.0
// What is behind a World: the state, and what only its writer needs.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <boost/unordered/unordered_flat_set.hpp>

#include "model/key_index.hpp"
#include "model/namespaces.hpp"
#include "model/sharded.hpp"
#include "model/state.hpp"
#include "model/world.hpp"

namespace nstrail {

/// No kernel sends what is not: a damaged recording must not choose how large the index of tids is.
[[nodiscard]] inline bool plausible(const nst_task_ref& ref) {
    constexpr std::uint32_t pid_max_limit = 4 * 1024 * 1024;  // PID_MAX_LIMIT
    return ref.key != 0 && ref.tid < pid_max_limit && ref.tgid < pid_max_limit;
}

class Engine {
    using TaskSlot = std::uint32_t;
    static constexpr TaskSlot no_task = 0;

public:
    Engine();

    Change apply(const Event& event);
    [[nodiscard]] const WorldState& state() const { return state_; }
    [[nodiscard]] Population population(std::uint32_t inum) const { return sets_.population(inum); }
    [[nodiscard]] const TaskRecord* find_key(std::uint64_t key) const {
        const TaskSlot slot = by_key_.find(key);
        return slot == no_task ? nullptr : &state_.tasks[slot];
    }
    [[nodiscard]] const NsRecord* find_namespace(std::uint32_t inum) {
        return state_.namespaces.look(inum);
    }
    [[nodiscard]] bool in_round() const { return in_round_ || looking_ || sweep_at_ != 0; }
    [[nodiscard]] bool wants_snapshot() const {
        const bool proven = sweep_at_ != 0 && !gap_open_;  // only the sweep is to be finished
        return !certain() && !proven && (!in_round_ || round_dirty_);
    }

private:
    /// A snapshot is under way or wanted: a task that is not known may be found by it.
    [[nodiscard]] bool unsure() const { return in_round_ || gap_open_ || !state_.synchronized; }
    [[nodiscard]] bool hooked(nst_hook hook) const {
        return (state_.session.hooks >> hook & 1) != 0;
    }
    [[nodiscard]] bool certain() const {
        return state_.synchronized && !gap_open_ && sweep_at_ == 0;
    }

    // engine_births.cpp
    void on(const Event& event, const nst_task_new& e, Change& change);
    void on(const Event& event, const nst_task_seen& e, Change& change);
    void on(const Event& event, const nst_task_exe& e, Change& change);
    // engine_tasks.cpp
    void on(const Event& event, const nst_task_exec& e, Change& change);
    void on(const Event& event, const nst_task_rename& e, Change& change);
    void on(const Event& event, const nst_task_exit& e, Change& change);
    void on(const Event& event, const nst_task_release& e, Change& change);
    void on(const Event& event, const nst_task_free& e, Change& change);
    void on(const Event& event, const nst_exchange_tids& e, Change& change);
    void on(const Event& event, const nst_ns_switch& e, Change& change);
    void on(const Event& event, const nst_cred_user_ns& e, Change& change);
    void on(const Event& event, const nst_cgroup& e, Change& change);
    void on(const Event& event, const nst_task_cgroup& e, Change& change);
    // engine.cpp
    void on(const Event& event, const nst_session& e, Change& change);
    void on(const Event& event, const nst_mark& e, Change& change);
    void on(const Event& event, const nst_gap& e, Change& change);
    void on(const Event& event, const nst_namespace& e, Change& change);
    void on(const Event& event, const nst_inum_alloc& e, Change& change);
    void on(const Event& event, const nst_inum_free& e, Change& change);
    void on(const Event& event, const nst_ns_holder& e, Change& change);
    // engine_kept.cpp
    void on(const Event& event, const nst_ns_kept& e, Change& change);
    void on(const Event& event, const nst_task_kept& e, Change& change);
    // engine_pids.cpp
    void on(const Event& event, const nst_alloc_pid& e, Change& change);
    void on(const Event& event, const nst_free_pid& e, Change& change);
    void on(const Event& event, const nst_ns_last_pid& e, Change& change);

    // engine_records.cpp: the bookkeeping of tasks
    [[nodiscard]] TaskRecord* find_key(std::uint64_t key);
    [[nodiscard]] TaskSlot slot_of(const TaskRecord& task) const { return by_key_.find(task.key); }
    TaskRecord& add_task(const nst_task_ref& ref);
    void drop_task(TaskSlot slot, TaskRecord& task);
    void lose(TaskRecord& task, Change& change);
    void evict(const nst_task_ref& ref, std::uint64_t& counter, Change& change);
    void unindex_tid(std::uint32_t tid, TaskSlot slot);
    void exchange(TaskRecord& one, TaskRecord& other);
    void learn_exchange(TaskRecord& leader, const nst_task_ref& now);
    void touch(TaskRecord& task);
    [[nodiscard]] bool exact(const TaskRecord& task) const;
    /// `guess`: an index of a set that may be this one.
    void set_set(TaskRecord& task, std::uint64_t nsproxy, const NsSet& set,
                 std::uint32_t guess = 0);
    [[nodiscard]] NsSet meet_all(const NsSet& before, NsSet set);
    void set_slot(TaskRecord& task, Slot slot, std::uint32_t inum);
    void leave_nsproxy(TaskRecord& task);
    void set_state(TaskRecord& task, TaskState state);
    void set_vector(TaskRecord& task, std::span<const nst_pid_nr> vector);
    void note_init(const TaskRecord& task);
    void set_parent(const TaskRecord& task, std::uint32_t ppid);
    /// `guess`: an index of a cgroup that may be this one.
    void set_cgroup(TaskRecord& task, std::uint64_t id, bool whole, std::uint32_t guess = 0);
    void set_exe(const TaskRecord& task, std::string_view path);
    /// The living namespace of that inum and type, made known if it is not.
    NsRecord& meet(std::uint32_t inum, NsType type) {
        NsRecord& ns = namespaces_.meet(inum, type, state_.now);
        return early_facts_.empty() ? ns : learn_early_facts(ns);
    }
    NsRecord& learn_early_facts(NsRecord& ns);

    void learn_namespaces(TaskRecord& task, const nst_ns_set& set, Change& change);
    void note_transition(Change& change, const NsSet& before, const TaskRecord& task,
                         bool exact) const;
    void learn_parent(const nst_task_new& e, const NsSet& child);
    void process_dies(const nst_task_exit& e, Processes::Index process);
    void mark_dying(const TaskRecord& init);
    void bury(const nst_task_ref& gone);
    void take_away(TaskSlot slot, TaskRecord& task, Change& change);
    void move_last_pid(NsRecord& ns, std::uint32_t last_pid, PidMove move, std::uint32_t mover_tid,
                       const TaskRecord* mover);
    [[nodiscard]] PidMove explain(const NsRecord& ns, std::uint32_t last_pid) const;
    void keep_request(const Event& event, const nst_alloc_pid& e);

    void begin_again();
    void forget_round();
    void forget_pending();
    void tidy();
    void begin_round(std::uint32_t round);
    void end_round();
    void sweep(Change& change);
    void sweep_unheld();
    [[nodiscard]] boost::unordered_flat_set<std::uint32_t> held_inums() const;
    [[nodiscard]] bool outlived(const NsRecord& ns) const;
    void finish_holders();

    WorldState state_;
    Namespaces namespaces_;
    Sets sets_;
    Cgroups cgroups_;
    Names names_;
    KeyIndex<std::uint64_t, TaskSlot, 6> by_key_;

    bool gap_open_ = false;
    std::uint32_t era_ = 1;  // another with each gap
    bool in_round_ = false;
    bool round_dirty_ = false;  // a gap during the round: it proves nothing
    std::uint32_t round_ = 0;
    // After a round that proved something: the tasks that it did not tell are gone. They are looked
    // for in slices, an event's worth each, from this slot on; 0 = no sweep.
    TaskSlot sweep_at_ = 0;
    std::uint32_t sweep_round_ = 0;
    NsTable::Index sweep_ns_at_ = 0;  // and then for namespaces, from this slot on
    std::uint64_t sweep_began_ns_ = 0;
    bool sweep_closes_gap_ = false;
    boost::unordered_flat_set<std::uint32_t> sweep_held_;
    // The round of holders under way, if there is one.
    std::shared_ptr<Holders> looking_;

    // Only during a round.
    ShardedMap<std::uint64_t, std::uint64_t>
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
        std::uint64_t cgroup = 0;
        Comm comm{};
    };
    // Only while unsure(): what live events since the last gap said of tasks whose snapshot record
    // has not come.
    ShardedMap<std::uint64_t, Pending> pending_;
    ShardedMap<std::uint32_t, std::uint32_t> heirs_;  // tgid of a dead → heir
    ShardedMap<std::uint32_t, bool> freed_;           // inums given back and not out again
    std::size_t untidy_ = 0;                          // calls of tidy() to come
    // Facts that came ahead of the event that says whether the namespace is new (births not
    // hooked).
    ShardedMap<std::uint32_t, nst_namespace> early_facts_;
};

}  // namespace nstrail
