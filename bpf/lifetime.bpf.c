// SPDX-License-Identifier: GPL-2.0-only
/* The lives of tasks and pid numbers: birth, exec, exit, release, and the numbers that outlive
 * them. */
#include "lib/task.bpf.h"

#define CLONE_NEW_ANY                                                                              \
    (CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
     CLONE_NEWPID | CLONE_NEWNET)

/* Two u32 before 6.3, one u64 since: the same eight bytes on the little endian machines that we
 * build for. */
static __always_inline u64 read_capabilities(const struct run *run, const struct cred *cred)
{
    u64 capabilities = 0;

    if (run->typed)
        __builtin_memcpy(&capabilities, &cred->cap_effective, sizeof(capabilities));
    else
        bpf_core_read(&capabilities, sizeof(capabilities), &cred->cap_effective);
    return capabilities;
}

/* alloc_pid(ns, set_tid, set_tid_size): the namespace and all its ancestors give a number each, or
 * none. */
EXIT_HOOK(alloc_pid, alloc_pid, 3)
{
    struct pid_namespace *ns = (void *)arg[0];
    u32 *set_tid = (void *)arg[1];
    u64 set_tid_size = arg[2];
    struct pid *pid = (void *)result;
    s32 error = IS_ERR_VALUE(result) ? (s32)result : 0;
    u32 level = READ(run, ns, level);
    u32 levels = level + 1 > NST_MAX_LEVELS ? NST_MAX_LEVELS : level + 1;
    /* Not real_cred: what ns_capable() asks, which decides on set_tid. */
    struct task_struct *current = current_task(run);
    const struct cred *cred = READ(run, current, cred);
    u64 address;
    struct nst_alloc_pid *event = RESERVE_TAIL(run, alloc_pid, struct nst_pid_request, levels);
    struct nst_pid_request *vpids;

    if (!event)
        return;
    read_task_ref(run, &event->actor, current);
    event->pid_key = error ? 0 : key_of_some(run, pid);
    event->pid_namespace = READ(run, ns, ns.inum);
    event->error = error;
    event->set_tid_size = set_tid_size;
    event->levels = levels;
    event->actor_capabilities = read_capabilities(run, cred);
    event->actor_user = READ_VIA(run, cred, user_ns, ns.inum);
    event->actor_euid = READ(run, cred, euid.val);
    vpids = (void *)(event + 1);
    if (run->typed && levels == 1 && !error && !set_tid_size) {
        ns = READ(run, pid, numbers[0].ns);
        vpids->pid_namespace = READ(run, ns, ns.inum);
        vpids->nr = READ(run, pid, numbers[0].nr);
        vpids->last_pid = last_pid_of(READ(run, ns, idr.idr_next));
        vpids->asked = 0;
        SUBMIT(event);
        return;
    }
    /* Where it failed there is no struct pid, and reading it gives zeros: unknown. */
    address = error ? 0 : address_of(run, pid);
    for (u32 i = 0; i < NST_MAX_LEVELS; i++) {
        struct upid *upid = upid_at(address, i);
        u64 inner = level - i; /* set_tid[0] is the innermost */
        u64 bytes;

        AS_WRITTEN(i);
        if (i >= levels)
            break;
        vpids[i].pid_namespace = BPF_CORE_READ(upid, ns, ns.inum);
        vpids[i].nr = BPF_CORE_READ(upid, nr);
        vpids[i].last_pid = last_pid_of(BPF_CORE_READ(upid, ns, idr.idr_next));
        vpids[i].asked = 0;
        /* inner < set_tid_size ? 4 : 0, without a branch, which would double the verifier's work at
         * each level. */
        bytes = inner - set_tid_size;
        AS_WRITTEN(bytes);
        bytes = bytes >> 63 << 2;
        bpf_probe_read_kernel(&vpids[i].asked, bytes, &set_tid[inner]);
    }
    SUBMIT(event);
}

/* free_pid(pid) */
ENTRY_HOOK(free_pid, free_pid)
{
    struct pid *pid = (void *)arg[0];
    u32 levels = pid_levels(run, pid);
    struct nst_free_pid *event = RESERVE_TAIL(run, free_pid, struct nst_pid_nr, levels);

    if (!event)
        return;
    event->pid_key = key_of_some(run, pid);
    event->levels = levels;
    event->actor_tid = current_tid(run);
    read_vpids(run, (void *)(event + 1), pid, levels, 0);
    SUBMIT(event);
}

/* task_newtask(task, clone_flags): the child has not run, nobody else changes what is read here. */
TRACEPOINT_HOOK(task_newtask)
{
    struct task_struct *task = (void *)arg[0];
    u64 clone_flags = arg[1];
    struct task_struct *current = current_task(run);
    struct nsproxy *actor_nsproxy = READ(run, current, nsproxy);
    struct pid *pid = READ(run, task, thread_pid);
    u32 levels = pid_levels(run, pid);
    u64 left_out = without_initial_set(run, task, levels);
    struct nst_task_new *event, *behind;

    /* Facts come first in the ring, so that the reader knows the namespace when the task is in it.
     */
    if (clone_flags & CLONE_NEW_ANY)
        emit_facts_of_task(address_of(run, task), address_of(run, actor_nsproxy), 0);

    event = RESERVE_SHORT(run, task_new, struct nst_pid_nr, levels, left_out);
    if (!event)
        return;
    read_task_ref(run, &event->task, task);
    read_task_ref(run, &event->actor, current);
    event->clone_flags = clone_flags;
    event->actor_nsproxy = key_of(run, actor_nsproxy);
    event->pid_key = key_of(run, pid);
    if (!left_out)
        read_ns_set(run, &event->ns, task, true);
    behind = BEHIND_SET(event, left_out);
    behind->ppid = read_parent_tgid(run, task);
    behind->levels = levels;
    read_comm(run, &behind->comm, task);
    behind->cgroup = read_cgroup_id(run, task);
    read_vpids(run, (void *)(behind + 1), pid, levels, left_out ? 0 : event->ns.pid);
    SUBMIT(event);
}

/* task_rename(task, comm): the name is still the old one in the task. */
TRACEPOINT_HOOK(task_rename)
{
    struct nst_task_rename *event = RESERVE(run, task_rename);

    if (!event)
        return;
    read_task_ref(run, &event->task, (void *)arg[0]);
    READ_TEXT(event->comm, (void *)arg[1]);
    SUBMIT(event);
}

/* sched_process_exec(task, old_pid, bprm) */
TRACEPOINT_HOOK(sched_process_exec)
{
    struct task_struct *task = (void *)arg[0];
    struct linux_binprm *bprm = (void *)arg[2];
    struct nst_task_exec *event = RESERVE(run, task_exec);

    if (!event)
        return;
    read_task_ref(run, &event->task, task);
    read_ns_set(run, &event->ns, task, true);
    event->old_tid = (u32)arg[1];
    event->ppid = read_parent_tgid(run, task);
    read_comm(run, &event->comm, task);
    READ_TEXT(event->filename, READ(run, bprm, filename));
    SUBMIT(event);
}

static __always_inline bool has_child_subreaper(const struct run *run, struct signal_struct *signal)
{
    if (run->typed)
        return BPF_CORE_READ_BITFIELD(signal, has_child_subreaper);
    return BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper);
}

/* Who will be the parent of the children of an exiting process, by the rules of find_new_reaper():
 * the nearest ancestor that is a subreaper, if there is any above, else the reaper of its pid
 * namespace. */
static __always_inline u32 heir_of(const struct run *run, struct task_struct *task)
{
    struct task_struct *up;
    struct signal_struct *signal = READ(run, task, signal);
    struct pid *pid = READ(run, task, thread_pid);
    u32 levels = pid_levels(run, pid);
    u32 reaper = active_reaper_tgid(run, pid, levels);

    if (!has_child_subreaper(run, signal))
        return reaper;
    up = (void *)address_of(run, task);
    for (int i = 0; i < 32; i++) {
        up = BPF_CORE_READ(up, real_parent);
        if (!up || (u32)BPF_CORE_READ(up, tgid) == reaper)
            return reaper;
        signal = BPF_CORE_READ(up, signal);
        if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
            return BPF_CORE_READ(signal, live.counter) > 0 ? BPF_CORE_READ(up, tgid) : 0;
    }
    return 0;
}

/* sched_process_exit(task[, group_dead in 6.18]) */
TRACEPOINT_HOOK(sched_process_exit)
{
    struct task_struct *task = (void *)arg[0];
    struct nst_task_exit *event, *behind;
    u64 left_out = 0;
    u32 last, heir;

    last = READ_VIA(run, task, signal, live.counter) == 0;
    heir = last ? heir_of(run, task) : 0;
    if (!exit_namespaces_hooked)
        left_out = without_initial_set(run, task, pid_levels(run, READ(run, task, thread_pid)));
    event = RESERVE_SHORT(run, task_exit, u64, 0, left_out);
    if (!event)
        return;
    read_task_ref(run, &event->task, task);
    if (exit_namespaces_hooked)
        __builtin_memset(&event->ns, 0, sizeof(event->ns));
    else if (!left_out)
        read_ns_set(run, &event->ns, task, true);
    behind = BEHIND_SET(event, left_out);
    behind->exit_code = READ(run, task, exit_code);
    behind->last = last;
    behind->heir = heir;
    behind->exit_signal = READ(run, task, exit_signal);
    behind->ppid = read_parent_tgid(run, task);
    behind->tracer = read_tracer_tgid(run, task);
    SUBMIT(event);
}

static __always_inline void emit_release(const struct run *run, struct task_struct *task, u32 via)
{
    struct nst_task_release *event = RESERVE(run, task_release);

    if (!event)
        return;
    read_task_ref(run, &event->task, task);
    event->pid_key = key_of(run, READ(run, task, thread_pid));
    /* exit_task_namespaces() came before, so NULL is what must be here, and reading it is safe. */
    event->nsproxy = key_of(run, READ(run, task, nsproxy));
    event->via = via;
    event->exit_code = READ(run, task, exit_code);
    event->exit_state = READ(run, task, exit_state);
    event->actor_tid = current_tid(run);
    SUBMIT(event);
}

/* release_task(task). Its repeat loop enters cgroup_release without entering release_task again;
 * then the task is another one than the last released on this CPU. The reader drops doubles by key
 * all the same, as a release may be preempted and go on elsewhere. */
ENTRY_HOOK(release_task, release_task)
{
    struct task_struct *task = (void *)arg[0];

    run->stats->last_released = distance_of(run, task);
    emit_release(run, task, NST_release_via_entry);
}

/* cgroup_release(task) */
ENTRY_HOOK(cgroup_release, cgroup_release)
{
    struct task_struct *task = (void *)arg[0];
    u64 distance = distance_of(run, task);

    if (run->stats->last_released == distance)
        return;
    run->stats->last_released = distance;
    emit_release(run, task, NST_release_via_loop);
}

/* sched_process_free(task) */
TRACEPOINT_HOOK(sched_process_free)
{
    struct task_struct *task = (void *)arg[0];
    struct nst_task_free *event;

    /* It died long ago and is in no cache any more. A locked instruction, of which a reservation
     * has two, waits for all that was asked for before: so nothing is asked for before. Nobody else
     * has the task, so this may. */
    event = RESERVE(run, task_free);
    if (!event)
        return;
    read_task_ref(run, &event->task, task);
    event->pid_key = key_of(run, READ(run, task, thread_pid));
    SUBMIT(event);
}

/* exchange_tids(task, leader): de_thread() has already given the thread its leader's start time. */
ENTRY_HOOK(exchange_tids, exchange_tids)
{
    struct nst_exchange_tids *event = RESERVE(run, exchange_tids);

    if (!event)
        return;
    read_task_ref(run, &event->task, (void *)arg[0]);
    read_task_ref(run, &event->leader, (void *)arg[1]);
    SUBMIT(event);
}

char LICENSE[] SEC("license") = "GPL";
