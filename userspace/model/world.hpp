// SPDX-License-Identifier: Apache-2.0
// The world as the events tell it: tasks, namespaces, their hierarchy, and what of it is certain.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/view.hpp"

namespace nstrail {

/// A change of the namespaces of a task: by clone, unshare, setns, exec, exit or credentials.
struct Transition {
    NsSet before;       ///< by clone: what the actor has; 0 = none, or not known
    NsSet after;        ///< all 0 but pid and user after exit: its nsproxy is NULL
    bool exact = true;  ///< false: it was found later, the moment is not known
};

/// What one event did. Pointers are valid until the next apply() or view().
///
/// The subject is the task that the event is about; the actor is current, the task that the kernel
/// ran meanwhile. What current reads of itself is safe without protection and is never gone, as
/// nobody else changes its nsproxy (switch_task_namespaces). A subject that is another task was
/// read from outside, and may have been half made or almost dead.
struct Change {
    // Not defaulted: then each event would begin with clearing the room for a released task.
    Change() {}                          // NOLINT(modernize-use-equals-default)
    const TaskRecord* task = nullptr;    ///< the subject, as it is now
    const TaskRecord* actor = nullptr;   ///< current, where the event names it and it is known
    bool by_itself = false;              ///< actor and subject are one
    std::optional<TaskRecord> released;  ///< the task it took away
    NsSet released_ns;                   ///< what that was in, all 0 = not known
    std::uint32_t released_cgroup = 0;   ///< of that: for World::cgroup_at(), 0 = not known
    std::vector<TaskRecord> dropped;     ///< tasks that it proved gone, their release being lost
    const NsRecord* ns = nullptr;        ///< the namespace it was about, as it is now
    NsType ended = NST_ns_type_none;     ///< type of the namespace whose end it told
    std::optional<Transition> transition;
    bool became_certain = false;
    bool became_uncertain = false;
};

/// A deterministic function of the events: no clock, no I/O, no threads. One thread calls it; what
/// it gives to readers in other threads is a View.
class World {
public:
    World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    /// Takes one event in. Bounded work: no event is answered by a walk over all tasks.
    Change apply(const Event& event);

    /// All there is, now. Costs the same however much that is; afterwards the first write to each
    /// page of the tables copies that page while the View lives.
    [[nodiscard]] View view() const;

    [[nodiscard]] const Account& account() const;
    [[nodiscard]] const nst_session& session() const;
    /// The first snapshot is complete, and every gap since has been closed by another.
    [[nodiscard]] bool certain() const;
    [[nodiscard]] bool synchronized() const;
    /// Only a snapshot can make it certain (again), and none is under way that could. One that
    /// something was lost of cannot, and its end mark may be what was lost.
    [[nodiscard]] bool wants_snapshot() const;
    /// A snapshot or a look for holders is under way, or what it told is still being worked in.
    [[nodiscard]] bool in_round() const;
    [[nodiscard]] std::size_t task_count() const;
    /// The task with that tid in the initial pid namespace, or null.
    [[nodiscard]] const TaskRecord* find_task(std::uint32_t tid) const;
    /// The living task of that key, or null.
    [[nodiscard]] const TaskRecord* find_key(std::uint64_t key) const;
    /// What it is in. Of a Change's actor: what current has, after the event.
    [[nodiscard]] const NsSet& set_of(const TaskRecord& task) const;
    /// The living namespace of that inum, or null.
    [[nodiscard]] const NsRecord* find_namespace(std::uint32_t inum) const;
    /// All that live.
    [[nodiscard]] const NsTable& namespaces() const;
    /// How many tasks refer to that namespace. Time grows with the number of their sets.
    [[nodiscard]] Population population(std::uint32_t inum) const;
    /// Of a task that lives: see Task::cgroup() and Task::exe().
    [[nodiscard]] std::optional<std::string> cgroup_of(const TaskRecord& task) const;
    [[nodiscard]] std::string_view exe_of(const TaskRecord& task) const;
    /// Path of the cgroup that a Change names, before the next apply(); empty = not known.
    [[nodiscard]] std::optional<std::string> cgroup_at(std::uint32_t index) const;

private:
    std::unique_ptr<class Engine> engine_;
};

}  // namespace nstrail
