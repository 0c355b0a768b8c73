// SPDX-License-Identifier: Apache-2.0
// Scripts for tests of the model: a kernel on paper.
//
// Each line is one event, or where it says so the events of one act, in the order in which the
// kernel reports them. The script keeps what is true (tasks, their sets, numbers), so that a line
// names only what matters. Whatever a line does not say is as the kernel would have it. Every event
// goes to the rules and the World at once; the questions at the end ask the World, never the
// script.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <linux/sched.h>

#include "event/event.hpp"
#include "model/world.hpp"
#include "rules/checker.hpp"

namespace nstrail::test {

[[nodiscard]] constexpr std::uint64_t bit(nst_hook hook) {
    return 1ULL << hook;
}

/// Everything a kernel can have at once; sys_exit is a substitute and taken on request only.
inline constexpr std::uint64_t full_hooks = ((1ULL << NST_HOOK_end) - 1) & ~bit(NST_HOOK_sys_exit);
/// Tracing tracepoints and the iterator: no function of the kernel.
inline constexpr std::uint64_t reduced_hooks =
    bit(NST_HOOK_task_newtask) | bit(NST_HOOK_sched_process_exec) |
    bit(NST_HOOK_sched_process_exit) | bit(NST_HOOK_sched_process_free) | bit(NST_HOOK_iter_task) |
    bit(NST_HOOK_task_rename);

/// inum of the initial namespace of a type: below those given out, as in the kernel.
[[nodiscard]] constexpr std::uint32_t initial(NsType type) {
    return 0xEFFFFFF0U + type;
}
inline constexpr std::uint32_t pid0 = initial(NST_ns_type_pid);
inline constexpr std::uint32_t uts0 = initial(NST_ns_type_uts);
inline constexpr std::uint32_t net0 = initial(NST_ns_type_net);
inline constexpr std::uint32_t user0 = initial(NST_ns_type_user);
inline constexpr std::uint32_t time0 = initial(NST_ns_type_time);

/// What the initial nsproxy is called in scripts.
inline constexpr std::uint64_t init_nsproxy = 0xA000;

/// What is left of it once exit_task_namespaces() has run.
[[nodiscard]] inline nst_ns_set left(const nst_ns_set& ns) {
    nst_ns_set rest{};
    rest.pid = ns.pid;
    rest.user = ns.user;
    return rest;
}

/// A task as it truly is. Kept apart from a record of it, which may be old: see Script::look().
struct TrueTask {
    nst_task_ref ref{};
    nst_ns_set ns{};
    std::uint64_t pid_key = 0;
    std::vector<nst_pid_nr> vpids;
    std::uint32_t ppid = 0;
    std::string comm;
    std::uint32_t flags = 0;
    std::uint32_t exit_state = 0;
    std::int32_t exit_code = 0;
    bool exited = false;
    std::uint32_t gave_up_tid = 0;  ///< for its leader's, in the exec under way
};

/// A task to be born. Numbers that are 0 are chosen by the script.
struct Birth {
    std::uint32_t tid = 0;
    std::uint32_t parent = 1;   ///< tid of current, which clones
    std::uint64_t flags = 0;    ///< of clone; CLONE_THREAD joins the parent's group
    std::uint32_t ppid = 0;     ///< tgid of the real parent; 0 = the parent's tgid
    std::string comm = {};      ///< empty = the parent's
    std::uint64_t key = 0;      ///< address of the task_struct
    std::uint64_t nsproxy = 0;  ///< with new namespaces
    std::uint32_t nr = 0;       ///< number in the innermost namespace, if there are several
};

struct Exit {
    std::int32_t code = 0;
    std::optional<bool> last = {};           ///< not said: no other thread of the group is left
    std::optional<std::uint32_t> heir = {};  ///< not said: the init of its pid namespace
};

class Script {
public:
    enum class Start {
        synchronized,  ///< session and a first snapshot that told init (1) and kthreadd (2)
        session,       ///< only the session was told
    };
    explicit Script(std::uint64_t hooks = full_hooks, Start start = Start::synchronized);

    // -- Truth that no event tells.
    /// The task exists since before the trace: a child of `parent` with its namespaces.
    TrueTask& exists(const Birth& birth);
    [[nodiscard]] const TrueTask& of(std::uint32_t tid) const { return tasks_.at(tid); }
    [[nodiscard]] TrueTask& change(std::uint32_t tid) { return tasks_.at(tid); }
    /// The task is gone; its end was told by other means, or not at all.
    void forget(std::uint32_t tid) { tasks_.erase(tid); }
    /// The next namespace made gets this inum, whoever had it before.
    void next_inum(std::uint32_t inum) { forced_inum_ = inum; }
    /// unshare(2) as the reduced mode sees it: not at all.
    void silent_unshare(std::uint32_t tid, std::uint64_t flags);
    void silent_setns(std::uint32_t tid, Slot slot, std::uint32_t inum);

    // -- Snapshots and loss.
    /// `id` and `continues` as in the event.
    void session(std::uint64_t hooks, std::uint64_t id = 0, std::uint64_t continues = 0);
    void snapshot_begin(std::uint32_t round);
    void snapshot_end(std::uint32_t round);
    /// What the iterator reads of a task now, to be told by seen() later: a record that has become
    /// old.
    struct Look {
        nst_task_seen event;
        std::vector<nst_pid_nr> vpids;
    };
    [[nodiscard]] Look look(std::uint32_t tid) const;
    void seen(std::uint32_t tid) { seen(look(tid)); }
    void seen(const Look& look);
    /// What a snapshot reads of a namespace now.
    [[nodiscard]] nst_namespace look_ns(std::uint32_t inum) const;
    void ns_seen(std::uint32_t inum) { ns_seen(look_ns(inum)); }
    void ns_seen(const nst_namespace& look);
    /// A whole round that tells every task there is and what they refer to.
    void snapshot(std::uint32_t round);
    void gap(std::uint64_t lost = 1, nst_gap_cause cause = NST_gap_cause_ring);
    /// The two marks after which it is known that nothing was lost before them.
    void audited();

    // -- Births.
    void task_new(const Birth& birth);                           ///< task_new alone
    void tell_birth(const TrueTask& child, const Birth& birth);  ///< of one that exists() already
    /// clone as it is reported: inodes, pid numbers, facts, task_new; what is not hooked is left
    /// out.
    TrueTask& fork(const Birth& birth);
    TrueTask& thread(std::uint32_t tid, std::uint32_t creator);
    void facts(std::uint32_t inum);  ///< a namespace event with round 0
    void inum_alloc(std::uint32_t inum, std::uint32_t actor = 1, std::uint64_t key = 0);
    /// Gives the key of the struct pid, which is new if none is named.
    std::uint64_t alloc_pid(std::uint32_t actor, std::span<const nst_pid_request> vpids,
                            std::uint32_t set_tid_size = 0, std::uint64_t pid_key = 0);
    void alloc_pid_fails(std::uint32_t actor, std::int32_t error, std::uint32_t set_tid_size = 0);

    // -- Life.
    void exec(std::uint32_t tid, const std::string& comm);
    void rename(std::uint32_t tid, const std::string& comm);
    /// The thread takes its leader's tid, who keeps existing with the thread's; told where hooked.
    void exchange(std::uint32_t thread);
    void unshare(std::uint32_t tid, std::uint64_t flags);  ///< inodes, facts, switch, credentials
    void setns(std::uint32_t tid, Slot slot, std::uint32_t inum);
    void ns_last_pid(std::uint32_t inum, std::uint32_t value, std::uint32_t actor = 1);

    // -- Death.
    void exit(std::uint32_t tid, const Exit& how = {});
    void leave(std::uint32_t tid, nst_switch_via via = NST_switch_via_exit);
    void release(std::uint32_t tid, nst_release_via via = NST_release_via_entry);
    /// task_release alone, as often as wanted: the task stays in the script.
    void task_release(std::uint32_t tid, nst_release_via via = NST_release_via_entry);
    void task_free(
        std::uint32_t tid);  ///< of a task released, or if there is none, of a living one
    void zombie(std::uint32_t tid, const Exit& how = {}) {
        exit(tid, how);
        leave(tid);
    }
    void die(std::uint32_t tid, const Exit& how = {});  ///< from exit to task_free
    /// The pair.
    void inum_free(std::uint32_t inum) {
        free_entry(inum);
        free_exit(inum);
    }
    void free_entry(std::uint32_t inum);
    void free_exit(std::uint32_t inum);
    /// The clean-up of a half-made child of actor: ns_switch to NULL by another than the task.
    void fork_cleanup(std::uint32_t actor, std::uint64_t key, std::uint32_t tid);

    // -- Anything else, as it is on the wire.
    template <class T, class E = nst_pid_nr>
    void emit(T fixed, std::span<const E> tail = {}) {
        fixed.header.kind = kind_of<T>;
        fixed.header.boot_ns = now_ += 1000;
        fixed.header.seq = seq_++;
        apply(EventBuffer::make<T, E>(fixed, tail));
    }

    // -- A kernel that is wrong, or a tracer that loses.
    /// The next event of kind T is told with this change.
    template <class T>
    void spoil(std::function<void(T&)> how) {
        spoil_kind_ = kind_of<T>;
        spoil_ = [how = std::move(how)](EventBuffer& buffer) {
            how(*reinterpret_cast<T*>(buffer.bytes().data()));
            return true;
        };
    }
    /// The same for an event with a tail.
    template <class T, class E>
    void spoil(std::function<void(T&, std::span<E>)> how) {
        spoil_kind_ = kind_of<T>;
        spoil_ = [how = std::move(how)](EventBuffer& buffer) {
            const auto bytes = buffer.bytes();
            how(*reinterpret_cast<T*>(bytes.data()),
                {reinterpret_cast<E*>(bytes.data() + sizeof(T)),
                 (bytes.size() - sizeof(T)) / sizeof(E)});
            return true;
        };
    }
    /// The next event of kind T is not told.
    template <class T>
    void swallow() {
        spoil_kind_ = kind_of<T>;
        spoil_ = [](EventBuffer& /*buffer*/) { return false; };
    }

    // -- Questions.
    World world;
    Checker checker{world};
    bool keep_events = true;  ///< for events(); a script of a million lines may not want to
    Change last;              ///< what the last event did
    [[nodiscard]] const Account& account() const { return world.account(); }
    [[nodiscard]] const std::vector<EventBuffer>& events() const { return events_; }
    [[nodiscard]] std::optional<Task> task(std::uint32_t tid) const;
    [[nodiscard]] std::optional<Namespace> ns(std::uint32_t inum) const;
    /// tgid of the parent the World names; 0 = none, ~0 = it does not know the task or its parent.
    [[nodiscard]] std::uint32_t ppid(std::uint32_t tid) const;
    [[nodiscard]] std::uint32_t tasks_in(std::uint32_t inum) const;
    /// How many processes the World knows: distinct tgids.
    [[nodiscard]] std::size_t processes() const;

private:
    struct TrueNs {
        NsType type = NST_ns_type_none;
        std::uint64_t key = 0;
        std::uint32_t parent = 0;
        std::uint32_t owner = 0;
        std::uint32_t level = 0;
        std::uint32_t last_pid = 0;
    };
    [[nodiscard]] bool hooked(nst_hook hook) const { return (hooks_ & bit(hook)) != 0; }
    void apply(EventBuffer buffer);
    std::uint32_t make_ns(NsType type, const TrueTask& creator);
    /// Makes what flags ask for and gives the inums, the user namespace first, as copy_creds()
    /// does.
    std::vector<std::uint32_t> make_new(std::uint64_t flags, const TrueTask& creator,
                                        nst_ns_set& set);
    TrueTask& bear(const Birth& birth, std::vector<std::uint32_t>& made);
    void tell_switch(const TrueTask& task, const nst_ns_set& before, nst_switch_via via);
    void tell_free(const nst_task_ref& ref);

    std::uint64_t hooks_ = 0;
    Kind spoil_kind_ = NST_KIND_end;
    std::function<bool(EventBuffer&)> spoil_;  // false = it is not told
    std::map<std::uint32_t, TrueTask> tasks_;  // by tid
    std::map<std::uint32_t, TrueTask> released_;
    std::map<std::uint32_t, TrueNs> namespaces_;
    std::vector<EventBuffer> events_;
    std::uint32_t forced_inum_ = 0;
    std::uint32_t inums_ = 0xF0000100;
    std::uint64_t keys_ = 0xFFFF000000001000;
    std::uint64_t now_ = 1'000'000'000;
    std::uint32_t seq_ = 0;
    std::uint32_t round_ = 0;
};

/// The inum a set has in a slot.
[[nodiscard]] std::uint32_t inum_of(const nst_ns_set& set, Slot slot);

inline constexpr auto session_only = Script::Start::session;

}  // namespace nstrail::test
