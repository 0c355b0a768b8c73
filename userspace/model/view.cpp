// SPDX-License-Identifier: Apache-2.0
#include "model/view.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "model/state.hpp"

namespace nstrail {

std::string_view ns_state_name(NsState state) {
    switch (state) {
        case NsState::alive:
            return "alive";
        case NsState::dying:
            return "dying";
        case NsState::zapping:
            return "zapping";
        case NsState::empty:
            return "empty";
        case NsState::gone:
            return "gone";
    }
    __builtin_unreachable();
}

std::string_view pid_move_name(PidMove move) {
    switch (move) {
        case PidMove::unknown:
            return "unknown";
        case PidMove::snapshot:
            return "snapshot";
        case PidMove::allocation:
            return "allocation";
        case PidMove::write:
            return "write";
        case PidMove::jump:
            return "jump";
    }
    __builtin_unreachable();
}

namespace {

/// Where exits were lost, a task may be kept whose pid namespace has ended, and whose inum another
/// has by now: its set does not refer to that any more (Sets::forget). What is left is its number
/// in the initial one, which never ends.
std::span<const nst_pid_nr> numbers_that_hold(const WorldState& state, const TaskRecord& task) {
    const auto numbers = task.vpids.span();
    const bool ended = state.set_of(task).ns[Slot::pid] == 0;
    return ended && numbers.size() > 1 ? numbers.first(1) : numbers;
}

/// In any order: by tid most of the time would go to numbers that nobody has.
template <class F>
void each_task(const WorldState& state, F&& f) {
    for (std::uint32_t slot = 1; slot <= state.tasks.last(); slot++) {
        const TaskRecord& task = state.tasks[slot];
        if (task.tid != 0) {
            f(task);
        }
    }
}

/// What needs a walk over all tasks; kept by the first reader who has made it.
struct Census {
    boost::unordered_flat_map<std::uint32_t, Population> populations;  // by namespace
    /// By pid namespace: tasks with a number in it that are not of its init's group. They are what
    /// zap_pid_ns_processes() waits for.
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> others;
    /// By pid namespace: who reaps in it.
    boost::unordered_flat_map<std::uint32_t, const TaskRecord*> reapers;
    /// tids that are past exit_task_namespaces() but no zombies, as they wait for the others.
    boost::unordered_flat_set<std::uint32_t> zappers;

    explicit Census(const WorldState& state) {
        for (std::uint32_t index = 1; index <= state.sets.last(); index++) {
            const SetRecord& set = state.sets[index];
            for (const Slot slot : all_slots) {
                if (set.ns[slot] != 0) {
                    set.add_to(populations[set.ns[slot]], slot);
                }
            }
        }
        boost::unordered_flat_map<std::uint32_t, std::uint32_t> inits;  // tgid → pid namespace
        state.namespaces.each([&](const NsRecord& ns) {
            if (ns.init_tgid != 0) {
                inits[ns.init_tgid] = ns.inum;
            }
        });
        each_task(state, [&](const TaskRecord& task) {
            for (const nst_pid_nr& one : numbers_that_hold(state, task)) {
                const NsRecord* ns = state.namespaces.find(one.pid_namespace);
                if (ns != nullptr && ns->init_tgid != task.tgid) {
                    others[ns->inum]++;
                }
            }
            const auto init = task.state == TaskState::alive ? inits.find(task.tgid) : inits.end();
            if (init == inits.end()) {
                return;
            }
            // The first in the list of threads, which is in the order in which they began, that is
            // not exiting (find_alive_thread). The leader, as long as it lives.
            const auto age = [](const TaskRecord* one) {
                return std::pair(one->start_boottime_ns, one->tid);
            };
            const auto [oldest, added] = reapers.try_emplace(init->second, &task);
            if (!added && age(&task) < age(oldest->second)) {
                oldest->second = &task;
            }
        });
        state.namespaces.each([&](const NsRecord& ns) {
            const TaskRecord* zapper =
                ns.dying && others.contains(ns.inum) ? state.find_task(ns.zapper_tid) : nullptr;
            if (zapper == nullptr || zapper->state != TaskState::zombie) {
                return;
            }
            const NsSet& set = state.set_of(*zapper).ns;
            if (set[Slot::pid] == ns.inum) {
                zappers.insert(zapper->tid);
                populations[ns.inum].zombies--;
                populations[set[Slot::user]].zombies--;
            }
        });
    }
};

}  // namespace

struct View::Shared {
    explicit Shared(std::shared_ptr<const WorldState> from) : state(std::move(from)) {}
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { delete counted.load(std::memory_order_relaxed); }
    /// Readers who ask at once may each make one; none waits for another.
    [[nodiscard]] const Census& census() const {
        const Census* known = counted.load(std::memory_order_acquire);
        if (known == nullptr) {
            auto made = std::make_unique<const Census>(*state);
            if (counted.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
                known = made.release();
            }
        }
        return *known;
    }

    std::shared_ptr<const WorldState> state;
    mutable std::atomic<const Census*> counted{nullptr};
};

View::View(std::shared_ptr<const WorldState> state)
    : shared_(std::make_shared<const Shared>(std::move(state))) {}

const nst_session& View::session() const {
    return shared_->state->session;
}

const Account& View::account() const {
    return shared_->state->account;
}

std::uint64_t View::at_boot_ns() const {
    return shared_->state->now;
}

bool View::certain() const {
    return shared_->state->certain;
}

bool View::synchronized() const {
    return shared_->state->synchronized;
}

std::uint64_t View::lost() const {
    return sum(account().lost);
}

std::size_t View::task_count() const {
    return shared_->state->tasks.size();
}

std::size_t View::namespace_count() const {
    return shared_->state->namespaces.size();
}

std::optional<Task> View::task(std::uint32_t tid) const {
    const TaskRecord* record = shared_->state->find_task(tid);
    return record == nullptr ? std::nullopt : std::optional(Task(shared_, record));
}

std::optional<Namespace> View::ns(std::uint32_t inum) const {
    const NsRecord* record = shared_->state->namespaces.find(inum);
    return record == nullptr ? std::nullopt : std::optional(Namespace(shared_, record));
}

TaskCounts View::count_tasks() const {
    TaskCounts counts;
    each_task(*shared_->state, [&](const TaskRecord& task) {
        counts.alive += task.state == TaskState::alive ? 1 : 0;
        counts.exiting += task.state == TaskState::exiting ? 1 : 0;
        counts.zombie += task.state == TaskState::zombie ? 1 : 0;
        counts.soft += task.soft ? 1 : 0;
    });
    if (counts.zombie != 0) {
        const std::size_t waiting = shared_->census().zappers.size();
        counts.zombie -= waiting;
        counts.exiting += waiting;
    }
    return counts;
}

std::vector<Task> View::tasks() const {
    std::vector<Task> all;
    all.reserve(task_count());
    shared_->state->by_tid.each([&](std::uint32_t /*tid*/, std::uint32_t slot) {
        if (slot != 0) {
            all.push_back(Task(shared_, &shared_->state->tasks[slot]));
        }
    });
    return all;
}

std::vector<Namespace> View::namespaces() const {
    std::vector<Namespace> all;
    all.reserve(namespace_count());
    shared_->state->namespaces.each(
        [&](const NsRecord& ns) { all.push_back(Namespace(shared_, &ns)); });
    std::ranges::sort(all, {}, [](const Namespace& ns) { return std::pair(ns.type(), ns.inum()); });
    return all;
}

const Holders& View::holders() const {
    return *shared_->state->holders;
}

std::span<const PidRequest> View::pid_requests() const {
    return (*shared_->state->requests).latest();
}

const WorldState& View::state() const {
    return *shared_->state;
}

std::optional<std::uint32_t> View::pid_max() const {
    const std::uint32_t limit = session().pid_max;
    return limit == 0 ? std::nullopt : std::optional(limit);
}

Task Task::at(const View& view) const {
    const TaskRecord* there = view.shared_->state->find_task(tid());
    if (there != nullptr && there->start_boottime_ns == start_boottime_ns()) {
        return {view.shared_, there};
    }
    Task gone = *this;
    gone.released_ = true;
    return gone;
}

TaskState Task::state() const {
    return record_->state == TaskState::zombie && view_->census().zappers.contains(tid())
               ? TaskState::exiting
               : record_->state;
}

std::optional<std::uint64_t> Task::exited_boot_ns() const {
    return record_->exited_boot_ns == 0 ? std::nullopt : std::optional(record_->exited_boot_ns);
}

std::optional<std::uint32_t> Task::ppid() const {
    return view_->state->processes.parent_tgid(record_->process);
}

std::optional<Task> Task::tracer() const {
    const TaskRecord* tracer = view_->state->find_task(record_->tracer);
    return tracer == nullptr ? std::nullopt : std::optional(Task(view_, tracer));
}

const NsSet& Task::ns() const {
    static const NsSet nothing;
    return released_ ? nothing : view_->state->set_of(*record_).ns;
}

std::optional<Namespace> Task::ns(Slot slot) const {
    const NsRecord* record = view_->state->namespaces.find(ns()[slot]);
    return record == nullptr ? std::nullopt : std::optional(Namespace(view_, record));
}

std::optional<Namespace> Task::active_pid_namespace() const {
    return ns(Slot::pid);
}

std::optional<Namespace> Task::pid_namespace_for_children() const {
    return ns(Slot::pid_for_children);
}

bool Task::has_nsproxy() const {
    return !released_ && view_->state->set_of(*record_).nsproxy != 0;
}

std::optional<std::uint32_t> Task::pid_in(const Namespace& ns) const {
    if (released_ || ns.gone()) {
        return std::nullopt;
    }
    for (const nst_pid_nr& one : numbers_that_hold(*view_->state, *record_)) {
        const NsRecord* there = view_->state->namespaces.find(one.pid_namespace);
        if (there != nullptr && there->inum == ns.inum() && there->gen == ns.gen()) {
            return one.nr;
        }
    }
    return std::nullopt;
}

std::optional<std::uint32_t> Task::tgid_in(const Namespace& ns) const {
    if (released_ || leader()) {
        return pid_in(ns);
    }
    const TaskRecord* leader = view_->state->find_task(tgid());
    return leader == nullptr ? std::nullopt : Task(view_, leader).pid_in(ns);
}

std::optional<std::string> Task::cgroup() const {
    return view_->state->cgroup_of(*record_);
}

std::optional<PidsController> Task::pids_controller() const {
    const CgroupRecord& cgroup = view_->state->cgroup_record(*record_);
    if (cgroup.pids_max == 0) {
        return std::nullopt;
    }
    PidsController pids{.used = cgroup.pids_used, .max = {}, .told_ns = cgroup.told_ns};
    if (cgroup.pids_max != CgroupRecord::no_limit) {
        pids.max = cgroup.pids_max;
    }
    return pids;
}

std::string_view Task::exe() const {
    return view_->state->exe_of(*record_);
}

Namespace Namespace::at(const View& view) const {
    const NsRecord* there = view.shared_->state->namespaces.find(inum());
    if (there != nullptr && there->gen == gen()) {
        return {view.shared_, there};
    }
    Namespace gone = *this;
    gone.gone_ = true;
    return gone;
}

NsState Namespace::state() const {
    if (gone_) {
        return NsState::gone;
    }
    if (record_->task_sets == 0) {
        return NsState::empty;
    }
    if (!record_->dying) {
        return NsState::alive;
    }
    return view_->census().others.contains(inum()) ? NsState::zapping : NsState::dying;
}

Population Namespace::population() const {
    const auto& populations = view_->census().populations;
    const auto at = gone_ ? populations.end() : populations.find(inum());
    return at == populations.end() ? Population{} : at->second;
}

std::optional<Namespace> Namespace::parent() const {
    const NsRecord* record = view_->state->namespaces.find(record_->parent);
    return record == nullptr ? std::nullopt : std::optional(Namespace(view_, record));
}

std::optional<Namespace> Namespace::owner() const {
    const NsRecord* record = view_->state->namespaces.find(record_->owner);
    return record == nullptr ? std::nullopt : std::optional(Namespace(view_, record));
}

std::optional<Task> Namespace::reaper() const {
    if (gone_ || type() != NST_ns_type_pid) {
        return std::nullopt;
    }
    const auto& reapers = view_->census().reapers;
    const auto at = reapers.find(inum());
    return at == reapers.end() ? std::nullopt : std::optional(Task(view_, at->second));
}

std::optional<Task> Namespace::zapper() const {
    const TaskRecord* task =
        gone_ || !record_->dying ? nullptr : view_->state->find_task(record_->zapper_tid);
    const bool here = task != nullptr && view_->state->set_of(*task).ns[Slot::pid] == inum();
    return here ? std::optional(Task(view_, task)) : std::nullopt;
}

std::vector<std::optional<std::uint32_t>> Namespace::last_pid_vector() const {
    std::vector<std::optional<std::uint32_t>> vector;
    std::optional<Namespace> at = *this;
    while (at && type() == NST_ns_type_pid && vector.size() < NST_MAX_LEVELS) {
        vector.push_back(at->record_->last_pid_known ? std::optional(at->record_->last_pid)
                                                     : std::nullopt);
        at = at->parent();
    }
    return vector;
}

std::string pid_vector_text(std::span<const std::optional<std::uint32_t>> vector) {
    std::string text;
    for (const std::optional<std::uint32_t> number : vector) {
        text += text.empty() ? "" : ":";
        text += number ? std::to_string(*number) : "?";
    }
    return text;
}

}  // namespace nstrail
