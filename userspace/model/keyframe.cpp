// SPDX-License-Identifier: Apache-2.0
#include "model/keyframe.hpp"

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "model/kept.hpp"
#include "model/kernel_bits.hpp"
#include "model/state.hpp"

namespace nstrail {

namespace {

constexpr std::uint32_t no_exit_signal = 0xFFFFFFFF;
constexpr std::uint32_t slots_per_event = 16384;

class Teller {
public:
    Teller(const WorldState& state, const std::function<void(const EventBuffer&)>& tell)
        : state_(state),
          tell_(tell),
          // Rounds of the stream that follows have higher numbers than there were whole ones.
          round_(static_cast<std::uint32_t>(state.account.snapshots)) {}

    void all() {
        // What it goes on with is not told here: whoever needs a keyframe has missed something.
        nst_session session = state_.session;
        session.continues = 0;
        tell_at(session.header.boot_ns, session);
        losses();
        mark(NST_mark_what_snapshot_begin);
        state_.namespaces.each([&](const NsRecord& ns) { facts(ns); });
        cgroups();
        // A thread in another cgroup than its process comes after that.
        tasks(true);
        tasks(false);
        mark(NST_mark_what_snapshot_end);
        // The model sweeps in slices, one with each event.
        const std::uint32_t slices =
            2 + ((state_.tasks.size() + state_.namespaces.size()) / slots_per_event * 4);
        for (std::uint32_t i = 0; i < slices; i++) {
            mark(NST_mark_what_audited);
        }
        holders();
        kept_namespaces();
        kept_tasks();
        if (!state_.certain) {
            nst_gap gap{};
            gap.cause = NST_gap_cause_ring;
            tell(gap);
        }
        at_ = state_.now;
        mark(NST_mark_what_audited);
    }

private:
    template <class T, class E = nst_pid_nr>
    void tell(T fixed, std::span<const E> tail = {}) {
        fixed.header = {.kind = kind_of<T>, .cpu = 0, .seq = 0, .boot_ns = at_};
        tell_(EventBuffer::make(fixed, tail));
    }
    template <class T>
    void tell_at(std::uint64_t boot_ns, const T& fixed) {
        const std::uint64_t before = std::exchange(at_, boot_ns);
        tell(fixed);
        at_ = before;
    }
    void mark(nst_mark_what what) { tell(nst_mark{.header = {}, .what = what, .round = round_}); }

    void losses() {
        for (std::uint32_t cause = 0; cause < NST_gap_cause_end; cause++) {
            if (state_.account.lost[cause] != 0) {
                tell(nst_gap{
                    .header = {}, .lost = state_.account.lost[cause], .cause = cause, .where = 0});
            }
        }
    }

    void facts(const NsRecord& ns) {
        if (!ns.facts) {
            return;
        }
        nst_namespace event{};
        event.ns_key = ns.key;
        event.id = ns.id;
        event.type = ns.type;
        event.inum = ns.inum;
        event.parent = ns.parent;
        event.owner = ns.owner;
        event.level = ns.level;
        event.creator_uid = ns.creator_uid;
        event.last_pid = ns.last_pid;
        event.pid_allocated = ns.pids_used | (ns.dying ? 0 : pids_adding);
        event.reaper_tid = ns.told_reaper;
        event.round = round_;
        event.references = ns.references;
        event.pid_max = ns.pid_max;
        tell_at(ns.pids_told_ns, event);
    }

    void cgroups() {
        for (std::uint32_t index = 1; index <= state_.cgroups.last(); index++) {
            const CgroupRecord& one = state_.cgroups[index];
            if (one.id == 0 || !one.named) {
                continue;
            }
            nst_cgroup event{};
            event.id = one.id;
            event.parent = state_.cgroups[one.parent].id;
            event.what = NST_cgroup_what_seen;
            event.round = round_;
            event.pids_used = one.pids_used;
            event.pids_max = one.pids_max;
            copy_text(event.name, one.name);
            tell_at(one.told_ns, event);
            if (one.removed) {
                event.what = NST_cgroup_what_removed;
                removed_.push_back(event);
            }
        }
    }

    void tasks(bool leaders) {
        for (std::uint32_t slot = 1; slot <= state_.tasks.last(); slot++) {
            const TaskRecord& task = state_.tasks[slot];
            if (task.key != 0 && task.leader() == leaders) {
                seen(task);
            }
        }
        if (!leaders) {
            for (const nst_cgroup& event : removed_) {
                tell(event);
            }
        }
    }

    [[nodiscard]] static nst_task_ref ref_of(const TaskRecord& task) {
        return {.key = task.key,
                .start_boottime_ns = task.start_boottime_ns,
                .tid = task.tid,
                .tgid = task.tgid};
    }

    void seen(const TaskRecord& task) {
        const SetRecord& set = state_.set_of(task);
        nst_task_seen event{};
        event.task = ref_of(task);
        event.pid_key = task.pid_key;
        event.ns = {.nsproxy = set.nsproxy,
                    .mnt = set.ns[Slot::mnt],
                    .uts = set.ns[Slot::uts],
                    .ipc = set.ns[Slot::ipc],
                    .net = set.ns[Slot::net],
                    .cgroup = set.ns[Slot::cgroup],
                    .time = set.ns[Slot::time],
                    .time_for_children = set.ns[Slot::time_for_children],
                    .pid_for_children = set.ns[Slot::pid_for_children],
                    .pid = set.ns[Slot::pid],
                    .user = set.ns[Slot::user]};
        event.ppid = state_.processes.parent_tgid(task.process).value_or(0);
        event.round = round_;
        event.exit_state = task.state == TaskState::zombie ? exit_zombie : 0;
        event.flags = (task.state == TaskState::alive ? 0 : pf_exiting) |
                      (task.kernel_thread ? pf_kthread : 0);
        event.exit_code = task.exit_code;
        event.levels = static_cast<std::uint32_t>(task.vpids.size());
        event.cgroup = state_.cgroup_record(task).id;
        event.tracer = task.tracer;
        event.exit_signal = task.leader() ? SIGCHLD : no_exit_signal;
        copy_text(event.comm, task.name());
        tell(event, task.vpids.span());
        if (task.leader() || state_.find_task(task.tgid) == nullptr) {
            nst_task_exe exe{};
            exe.task = event.task;
            copy_text(exe.path, state_.exe_of(task));
            if (exe.path[0] != 0) {
                tell(exe);
            }
        }
    }

    void holders() {
        const Holders& known = *state_.holders;
        if (known.at_boot_ns == 0 || !known.complete) {
            return;
        }
        at_ = known.at_boot_ns;
        mark(NST_mark_what_holders_begin);
        for (const Holder& one : known.all) {
            nst_ns_holder event{};
            event.task = one.task;
            event.type = one.type;
            event.inum = one.inum;
            event.what = one.what;
            event.fd = one.fd;
            event.mnt = one.mnt;
            event.round = round_;
            copy_text(event.path, one.path);
            tell(event);
        }
        mark(NST_mark_what_holders_end);
        at_ = 0;
    }

    void kept_namespaces() {
        state_.namespaces.each([&](const NsRecord& ns) { tell(kept_of(ns)); });
        state_.namespaces.each_past([&](std::uint32_t inum, std::uint32_t generations) {
            nst_ns_kept event{};
            event.inum = inum;
            event.gen = generations;
            tell(event);
        });
    }

    void kept_tasks() {
        for (std::uint32_t slot = 1; slot <= state_.tasks.last(); slot++) {
            const TaskRecord& task = state_.tasks[slot];
            if (task.key == 0) {
                continue;
            }
            nst_task_kept event{};
            event.task = ref_of(task);
            event.exited_boot_ns = task.exited_boot_ns;
            const bool parent = state_.processes.parent_tgid(task.process).has_value();
            event.known = (parent ? kept_parent : 0) | (task.soft ? 0 : kept_live);
            event.exit_code = task.exit_code;
            // Most are what a snapshot tells and no more.
            if (event.exited_boot_ns != 0 || event.known != kept_parent) {
                tell(event);
            }
        }
    }

    const WorldState& state_;
    const std::function<void(const EventBuffer&)>& tell_;
    std::uint32_t round_;
    // All is told as of a time before the last look for holders, as that is known to be of then.
    std::uint64_t at_ = 0;
    std::vector<nst_cgroup> removed_;
};

}  // namespace

void tell_keyframe(const View& view, const std::function<void(const EventBuffer&)>& tell) {
    Teller(view.state(), tell).all();
}

}  // namespace nstrail
