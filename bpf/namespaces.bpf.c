// SPDX-License-Identifier: GPL-2.0-only
/* Changes of a task's namespaces, and the births and deaths of namespaces themselves. */
#include "lib/task.bpf.h"

/* procfs gives inode numbers to its own entries from below; namespaces get theirs from here on, but
 * share the allocator (PROC_DYNAMIC_FIRST). */
#define FIRST_DYNAMIC_INUM 0xF0000000U

static __always_inline struct nst_ns_switch *start_switch(const struct run *run,
                                                          struct task_struct *task,
                                                          struct task_struct *current, u32 via)
{
    struct nst_ns_switch *event = RESERVE(run, ns_switch);

    if (!event)
        return 0;
    read_task_ref(run, &event->task, task);
    event->actor_key = key_of_some(run, current);
    event->actor_tid = READ(run, current, pid);
    event->via = via;
    return event;
}

static __always_inline void emit_switch_event(const struct run *run, struct task_struct *task,
                                              const struct nst_ns_set *before,
                                              const struct nst_ns_set *after, u32 references,
                                              u32 via)
{
    struct nst_ns_switch *event = start_switch(run, task, current_task(run), via);

    if (!event)
        return;
    event->before = *before;
    event->after = *after;
    event->references = references;
    SUBMIT(event);
}

/* Read into the record: only current changes its own nsproxy, and nobody that of a task half made.
 */
static __always_inline void emit_exit(const struct run *run, struct task_struct *task,
                                      struct task_struct *current)
{
    struct nsproxy *nsproxy = READ(run, task, nsproxy);
    struct nst_ns_switch *event = start_switch(run, task, current, NST_switch_via_exit);

    if (!event)
        return;
    if (is_null(nsproxy)) {
        __builtin_memset(&event->before, 0, sizeof(event->before));
    } else {
        read_nsproxy(run, &event->before, nsproxy);
        read_active(run, &event->before, task);
    }
    __builtin_memset(&event->after, 0, sizeof(event->after));
    event->references = 0;
    SUBMIT(event);
}

/* nsproxy->count: an atomic_t before 6.7, a refcount_t since; the int in it is the same. None at
 * all is told apart from not known. */
static __always_inline u32 references_of(u64 nsproxy)
{
    u32 references = 0;

    bpf_probe_read_kernel(&references, sizeof(references),
                          (void *)(nsproxy + bpf_core_field_offset(struct nsproxy, count)));
    return references ? references : (u32)-1;
}

static __always_inline void emit_switch(const struct run *run, struct task_struct *task,
                                        struct nsproxy *before, struct nsproxy *after, u32 via)
{
    struct nst_ns_set old_set = {}, new_set = {};
    u32 references = 0;

    if (!is_null(before)) {
        read_nsproxy(run, &old_set, before);
        read_active(run, &old_set, task);
    }
    if (!is_null(after)) {
        u64 after_address = address_of(run, after);

        read_nsproxy(run, &new_set, after);
        read_active(run, &new_set, task);
        references = references_of(after_address);
        emit_facts_of_nsproxy(after_address, address_of(run, before), 0);
    }
    emit_switch_event(run, task, &old_set, &new_set, references, via);
}

/* exit_task_namespaces(task): an exit; or, with another task than current, a fork that failed.
 * Where switch_task_namespaces is not inlined it is entered from here, and one event is enough. The
 * reader drops doubles all the same. */
ENTRY_HOOK(exit_namespaces, exit_task_namespaces)
{
    struct task_struct *task = (void *)arg[0];
    struct task_struct *current = current_task(run);
    u64 distance = distance_of(run, task);

    run->stats->last_exited = distance;
    /* Twice, as the verifier trusts the pointer to current more than it does an argument: reading
     * what that points to takes no check of the address (since 6.2). */
    if (distance == distance_of(run, current))
        emit_exit(run, current, current);
    else
        emit_exit(run, task, current);
}

/* switch_task_namespaces(task, new) */
ENTRY_HOOK(switch_namespaces, switch_task_namespaces)
{
    struct task_struct *task = (void *)arg[0];
    struct nsproxy *after = (void *)arg[1];

    /* The rest of an exit that was told already. Where that is inlined it never comes here: then a
     * switch to something is one after the exit, no doing of the kernel's, and it and what follows
     * are to be told. */
    if (run->stats->last_exited == distance_of(run, task)) {
        run->stats->last_exited = 0;
        if (!after)
            return;
    }
    emit_switch(run, task, READ(run, task, nsproxy), after, NST_switch_via_switched);
}

/* exec_task_namespaces(), always for current and at every exec: where time_for_children is another
 * than time it becomes it, in a new nsproxy. The entry keeps the set before (afterwards it is gone)
 * only then, so most execs cost a look-up. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, u32);
    __type(value, struct nst_ns_set);
} exec_before SEC(".maps");

static __always_inline void enter_exec(const struct run *run)
{
    struct task_struct *current = current_task(run);
    struct nsproxy *nsproxy = READ(run, current, nsproxy);
    u32 tid = READ(run, current, pid);
    struct nst_ns_set before;

    if (READ(run, nsproxy, time_ns) == READ(run, nsproxy, time_ns_for_children))
        return;
    read_ns_set(run, &before, current, true);
    bpf_map_update_elem(&exec_before, &tid, &before, BPF_ANY);
}

static __always_inline void leave_exec(const struct run *run)
{
    struct task_struct *current = current_task(run);
    u32 tid = READ(run, current, pid);
    struct nst_ns_set *before = bpf_map_lookup_elem(&exec_before, &tid);
    struct nsproxy *nsproxy;
    struct nst_ns_set after;

    if (!before)
        return;
    read_ns_set(run, &after, current, true);
    nsproxy = READ(run, current, nsproxy);
    emit_switch_event(run, current, before, &after, references_of(address_of(run, nsproxy)),
                      NST_switch_via_exec);
    bpf_map_delete_elem(&exec_before, &tid);
}

#define EXEC_HOOK(program, attach, begin, act) \
    SEC("?" #attach "/exec_task_namespaces")   \
    int exec_namespaces_##attach(void *ctx)    \
    {                                          \
        struct nst_cpu_stats *stats = begin;   \
        if (stats) {                           \
            struct run run = program(stats);   \
            act(&run);                         \
        }                                      \
        return 0;                              \
    }

EXEC_HOOK(typed_run, fentry, stats_if_open(), enter_exec)
EXEC_HOOK(typed_run, fexit, hook_runs(NST_HOOK_exec_namespaces), leave_exec)
EXEC_HOOK(probing_run, kprobe, stats_if_open(), enter_exec)
EXEC_HOOK(probing_run, kretprobe, hook_runs(NST_HOOK_exec_namespaces), leave_exec)

/* commit_creds(new), always for current: of interest only where the user namespace changes. */
ENTRY_HOOK(commit_creds, commit_creds)
{
    struct cred *cred = (void *)arg[0];
    struct task_struct *current = current_task(run);
    struct user_namespace *before = READ_VIA(run, current, real_cred, user_ns);
    struct user_namespace *after = READ(run, cred, user_ns);
    struct nst_cred_user_ns *event;

    if (before == after)
        return;
    emit_user_facts(address_of(run, after), 0);
    event = RESERVE(run, cred_user_ns);
    if (!event)
        return;
    read_task_ref(run, &event->task, current);
    event->before = READ(run, before, ns.inum);
    event->after = READ(run, after, ns.inum);
    SUBMIT(event);
}

/* proc_alloc_inum(&inum): the number lies in a ns_common, or in a procfs entry. */
EXIT_HOOK(inum_alloc, proc_alloc_inum, 1)
{
    struct nst_inum_alloc *event;
    u32 inum = 0;

    if ((s32)result)
        return;
    bpf_probe_read_kernel(&inum, sizeof(inum), (void *)arg[0]);
    if (inum < FIRST_DYNAMIC_INUM)
        return;
    event = RESERVE(run, inum_alloc);
    if (!event)
        return;
    event->ns_key = key_of_address(run, arg[0] - bpf_core_field_offset(struct ns_common, inum));
    event->inum = inum;
    event->actor_tid = current_tid(run);
    SUBMIT(event);
}

static __always_inline void emit_inum_free(const struct run *run, u32 inum, u32 point)
{
    struct nst_inum_free *event;

    if (inum < FIRST_DYNAMIC_INUM)
        return;
    event = RESERVE(run, inum_free);
    if (!event)
        return;
    event->inum = inum;
    event->point = point;
    SUBMIT(event);
}

/* proc_free_inum(inum): the entry comes before the number can be given to another. */
ENTRY_HOOK(inum_free, proc_free_inum)
{
    emit_inum_free(run, (u32)arg[0], NST_hook_point_entry);
}

EXIT_HOOK(inum_free_done, proc_free_inum, 1)
{
    emit_inum_free(run, (u32)arg[0], NST_hook_point_exit);
}

/* pid_ns_ctl_handler(table, write, buffer, lenp, ppos) for kernel.ns_last_pid: it acts on current's
 * active namespace. All five count, as fexit finds the result behind them. */
EXIT_HOOK(ns_last_pid, pid_ns_ctl_handler, 5)
{
    struct task_struct *current = current_task(run);
    struct pid *pid = READ(run, current, thread_pid);
    struct pid_namespace *ns;
    struct nst_ns_last_pid *event;
    u32 levels = pid_levels(run, pid);
    u32 cursor;

    if (!(u32)arg[1] || (s32)result)
        return;
    ns = probed_active(address_of(run, pid), levels);
    cursor = BPF_CORE_READ(ns, idr.idr_next);
    event = RESERVE(run, ns_last_pid);
    if (!event)
        return;
    read_task_ref(run, &event->actor, current);
    event->pid_namespace = BPF_CORE_READ(ns, ns.inum);
    event->value = cursor ? cursor - 1 : 0;
    SUBMIT(event);
}

/* sys_exit(regs, result), reduced mode, on request only: it costs every system call of the host. */
TRACEPOINT_HOOK(sys_exit)
{
    struct pt_regs *regs = (void *)arg[0];
    u64 nr = READ(run, regs, orig_ax);
    struct task_struct *current;

    if ((nr != nr_setns && nr != nr_unshare) || (s64)arg[1] < 0)
        return;
    current = current_task(run);
    emit_facts_of_task(address_of(run, current), 0, 0);
    emit_switch(run, current, 0, READ(run, current, nsproxy), NST_switch_via_syscall);
}

char LICENSE[] SEC("license") = "GPL";
