// SPDX-License-Identifier: Apache-2.0
// The read side of the model: one consistent state, and handles on the tasks and namespaces in it.
//
// A View never changes; it is cheap to copy and may be read by any number of threads at once, also
// while the World that it came from takes in further events. Readers and the writer share pages of
// memory; the writer copies a page before it first writes to one that a View still has (see
// paged.hpp). So no reader ever waits for the writer, and the writer for no reader.
//
// A handle keeps its View, and with it every record it leads to. Handles follow the kernel's rules
// for reading another task: whatever may be gone is an optional, and empty means gone or not known,
// never a default.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/account.hpp"
#include "model/ns_table.hpp"
#include "model/task.hpp"

namespace nstrail {

struct WorldState;
struct Holders;
struct PidRequest;
class Namespace;
class Task;

enum class NsState : std::uint8_t {
    alive,    ///< has tasks
    dying,    ///< pid: its init is exiting, and nobody else is left in it
    zapping,  ///< pid: its init waits for the others to go (zap_pid_ns_processes)
    empty,    ///< no task in it; something else holds it
    gone,     ///< it is not any more
};
[[nodiscard]] std::string_view ns_state_name(NsState state);

/// Limits of a cgroup, as a snapshot last read them.
struct PidsController {
    std::uint32_t used = 0;
    std::optional<std::uint32_t> max;  ///< empty = no limit
    std::uint64_t told_ns = 0;         ///< boottime at which they were read
};

/// How many tasks there are.
struct TaskCounts {
    std::uint64_t alive = 0;
    std::uint64_t exiting = 0;
    std::uint64_t zombie = 0;
    std::uint64_t soft = 0;  ///< of all these, those that a snapshot alone told: Task::soft()
};

class View {
public:
    /// Of a World's state; see World::view().
    explicit View(std::shared_ptr<const WorldState> state);

    [[nodiscard]] const nst_session& session() const;
    [[nodiscard]] const Account& account() const;
    /// boottime of the latest event.
    [[nodiscard]] std::uint64_t at_boot_ns() const;
    /// See World::certain().
    [[nodiscard]] bool certain() const;
    [[nodiscard]] bool synchronized() const;
    /// Events lost since the start, all causes.
    [[nodiscard]] std::uint64_t lost() const;
    [[nodiscard]] std::size_t task_count() const;
    /// Walks over all tasks, without a handle for each.
    [[nodiscard]] TaskCounts count_tasks() const;
    [[nodiscard]] std::size_t namespace_count() const;

    /// The living task with that tid in the initial pid namespace.
    [[nodiscard]] std::optional<Task> task(std::uint32_t tid) const;
    /// The living namespace of that inode number.
    [[nodiscard]] std::optional<Namespace> ns(std::uint32_t inum) const;
    /// All tasks, by tid.
    [[nodiscard]] std::vector<Task> tasks() const;
    /// All namespaces, by type, then inum.
    [[nodiscard]] std::vector<Namespace> namespaces() const;
    /// What besides tasks holds namespaces, as the last round of looking found it.
    [[nodiscard]] const Holders& holders() const;
    /// The latest clone3(set_tid), oldest first.
    [[nodiscard]] std::span<const PidRequest> pid_requests() const;
    /// kernel.pid_max when the trace began; empty = not known.
    [[nodiscard]] std::optional<std::uint32_t> pid_max() const;
    /// The tables behind it, for whoever writes all of them down (see keyframe.hpp).
    [[nodiscard]] const WorldState& state() const;

private:
    friend class Task;
    friend class Namespace;
    struct Shared;
    std::shared_ptr<const Shared> shared_;
};

/// A handle on a task. {tid, start_boottime_ns} is its identity.
class Task {
public:
    /// The same task in another View, as a rule a later one. If it is not there any more, a
    /// released() handle that keeps the record it had.
    [[nodiscard]] Task at(const View& view) const;
    /// release_task has taken it away.
    [[nodiscard]] bool released() const { return released_; }

    [[nodiscard]] std::uint32_t tid() const { return record_->tid; }
    [[nodiscard]] std::uint32_t tgid() const { return record_->tgid; }
    [[nodiscard]] std::uint64_t start_boottime_ns() const { return record_->start_boottime_ns; }
    [[nodiscard]] std::string_view comm() const { return record_->name(); }
    [[nodiscard]] bool leader() const { return record_->leader(); }
    [[nodiscard]] bool kernel_thread() const { return record_->kernel_thread; }
    /// Known by a snapshot only; no live event has told of it yet.
    [[nodiscard]] bool soft() const { return record_->soft; }
    [[nodiscard]] TaskState state() const;
    /// All that the model keeps of it.
    [[nodiscard]] const TaskRecord& record() const { return *record_; }
    /// Valid once it is exiting: status << 8, or the signal.
    [[nodiscard]] std::int32_t exit_code() const { return record_->exit_code; }
    /// When it began to exit; empty = it has not, or that was not seen.
    [[nodiscard]] std::optional<std::uint64_t> exited_boot_ns() const;

    /// tgid of its real parent, 0 if it has none, empty if that is not known.
    [[nodiscard]] std::optional<std::uint32_t> ppid() const;
    /// Who traces it (ptrace), when that was last told.
    [[nodiscard]] std::optional<Task> tracer() const;

    /// task_active_pid_ns(): where it lives, the same from birth to release; empty afterwards.
    [[nodiscard]] std::optional<Namespace> active_pid_namespace() const;
    /// nsproxy->pid_ns_for_children: where its next child will live; empty once nsproxy is NULL.
    [[nodiscard]] std::optional<Namespace> pid_namespace_for_children() const;
    /// What it refers to in that slot; empty = nothing (any more), or not known.
    [[nodiscard]] std::optional<Namespace> ns(Slot slot) const;
    /// All ten at once, as inode numbers; 0 = nothing (any more), or not known. Of a released task
    /// nothing.
    [[nodiscard]] const NsSet& ns() const;
    /// Whether it still has an nsproxy: NULL means almost dead.
    [[nodiscard]] bool has_nsproxy() const;

    /// task_pid_nr_ns(): its number there; empty where it is not visible, and after release.
    [[nodiscard]] std::optional<std::uint32_t> pid_in(const Namespace& ns) const;
    /// task_tgid_nr_ns(): the number of its thread group there.
    [[nodiscard]] std::optional<std::uint32_t> tgid_in(const Namespace& ns) const;
    /// Its numbers, outermost namespace first; those it had, if it is released.
    [[nodiscard]] std::span<const nst_pid_nr> vpids() const { return record_->vpids.span(); }

    /// Path of its cgroup in the unified hierarchy; empty = not known.
    [[nodiscard]] std::optional<std::string> cgroup() const;
    [[nodiscard]] std::optional<PidsController> pids_controller() const;
    /// What it executes: as execve was asked, or as /proc told of one that was there before; empty
    /// text = not known.
    [[nodiscard]] std::string_view exe() const;

private:
    friend class View;
    friend class Namespace;
    Task(std::shared_ptr<const View::Shared> view, const TaskRecord* record)
        : view_(std::move(view)), record_(record) {}

    std::shared_ptr<const View::Shared> view_;
    const TaskRecord* record_;
    bool released_ = false;
};

/// A handle on a namespace. {type, inum, gen} is its identity, and the kernel's id where it has
/// one.
class Namespace {
public:
    /// The same namespace in another View; gone() if it is not there any more.
    [[nodiscard]] Namespace at(const View& view) const;
    [[nodiscard]] bool gone() const { return gone_; }

    [[nodiscard]] NsType type() const { return record_->type; }
    [[nodiscard]] std::uint32_t inum() const { return record_->inum; }
    /// Counts the namespaces seen with this inum, from 1.
    [[nodiscard]] std::uint32_t gen() const { return record_->gen; }
    /// All that the model keeps of it.
    [[nodiscard]] const NsRecord& record() const { return *record_; }
    [[nodiscard]] NsState state() const;
    /// How many tasks refer to it; none if it is gone. An init that waits for the others of its pid
    /// namespace is no zombie yet.
    [[nodiscard]] Population population() const;
    /// pid and user namespaces: the one above; empty for an initial one, or if it is not known.
    [[nodiscard]] std::optional<Namespace> parent() const;
    /// The user namespace that owns it.
    [[nodiscard]] std::optional<Namespace> owner() const;
    /// pid namespaces: who reaps in it (child_reaper), while it is not exiting.
    [[nodiscard]] std::optional<Task> reaper() const;
    /// pid namespaces: a task of its init that has left its namespaces but waits for the others.
    [[nodiscard]] std::optional<Task> zapper() const;
    /// pid namespaces: last pid of it and of each above it, innermost first; empty = not known.
    [[nodiscard]] std::vector<std::optional<std::uint32_t>> last_pid_vector() const;

private:
    friend class View;
    friend class Task;
    Namespace(std::shared_ptr<const View::Shared> view, const NsRecord* record)
        : view_(std::move(view)), record_(record) {}

    std::shared_ptr<const View::Shared> view_;
    const NsRecord* record_;
    bool gone_ = false;
};

/// A last-pid vector as people write it: "7:31:812", "?" for what is not known.
[[nodiscard]] std::string pid_vector_text(std::span<const std::optional<std::uint32_t>> vector);

}  // namespace nstrail
