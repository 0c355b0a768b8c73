/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading tasks, their namespaces and their pid vectors into the wire structs.
 *
 * All reads go through bpf_probe_read_kernel, so one body serves fentry, kprobes, tracepoints and
 * iterators; a pointer that has gone bad reads as zero, which the wire calls "unknown".
 */
#ifndef NSTRAIL_TASK_BPF_H
#define NSTRAIL_TASK_BPF_H

#include "lib/emit.bpf.h"

/* A string of the kernel's into a TEXT: cut off where longer, the rest zero. */
#define READ_TEXT(to, from)                              \
    do {                                                 \
        __builtin_memset(to, 0, sizeof(to));             \
        bpf_probe_read_kernel_str(to, sizeof(to), from); \
    } while (0)

/* Flags of clone(), and what types of namespaces are called in the kernel. */
#define CLONE_NEWTIME 0x00000080
#define CLONE_NEWNS 0x00020000
#define CLONE_NEWCGROUP 0x02000000
#define CLONE_NEWUTS 0x04000000
#define CLONE_NEWIPC 0x08000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

#define IS_ERR_VALUE(x) ((u64)(x) >= (u64) - 4095)

static __always_inline struct task_struct *current_task(void)
{
    return (struct task_struct *)bpf_get_current_task();
}

static __always_inline void read_task_ref(struct nst_task_ref *to, struct task_struct *task)
{
    to->key = key_of(task);
    to->start_boottime_ns = BPF_CORE_READ(task, start_boottime);
    to->tid = BPF_CORE_READ(task, pid);
    to->tgid = BPF_CORE_READ(task, tgid);
}

static __always_inline u32 read_parent_tgid(struct task_struct *task)
{
    return BPF_CORE_READ(task, real_parent, tgid);
}

/* Who gets its signals and has to wait for it first: ptrace_link() makes the tracer the parent. */
static __always_inline u32 read_tracer_tgid(struct task_struct *task)
{
    return BPF_CORE_READ(task, ptrace) ? BPF_CORE_READ(task, parent, tgid) : 0;
}

/* A task always has a cgroup in the unified hierarchy, mounted or not. */
static __always_inline u64 read_cgroup_id(struct task_struct *task)
{
    return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* The last number given in turn, of the cursor from which idr_alloc_cyclic() goes on. Without a
 * branch, which would double the verifier's work at each level of a vector. */
static __always_inline u32 last_pid_of(u64 cursor)
{
    u64 one = -cursor;

    AS_WRITTEN(one);
    return cursor - (one >> 63);
}

/* number[level].ns of a struct pid: the namespace it is active in. */
static __always_inline struct upid *upid_at(struct pid *pid, u32 level)
{
    return (struct upid *)((u64)pid + bpf_core_field_offset(struct pid, numbers) +
                           level * bpf_core_type_size(struct upid));
}

static __always_inline u32 pid_levels(struct pid *pid)
{
    u32 levels;

    if (!pid)
        return 0;
    levels = BPF_CORE_READ(pid, level) + 1;
    return levels > NST_MAX_LEVELS ? NST_MAX_LEVELS : levels;
}

static __always_inline struct pid_namespace *active_pid_namespace(struct pid *pid)
{
    u32 levels = pid_levels(pid);

    struct upid *innermost = upid_at(pid, levels - 1);

    return levels ? BPF_CORE_READ(innermost, ns) : 0;
}

/* The nsproxy part of a set. Another task's nsproxy can be put while it is read; the fields are
 * then whatever the memory holds. As long as the task still points at it afterwards it was alive
 * throughout, so read_ns_set checks and reads again. */
static __always_inline void read_nsproxy(struct nst_ns_set *to, struct nsproxy *nsproxy)
{
    to->nsproxy = key_of(nsproxy);
    to->mnt = BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
    to->uts = BPF_CORE_READ(nsproxy, uts_ns, ns.inum);
    to->ipc = BPF_CORE_READ(nsproxy, ipc_ns, ns.inum);
    to->net = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
    to->cgroup = BPF_CORE_READ(nsproxy, cgroup_ns, ns.inum);
    to->time = BPF_CORE_READ(nsproxy, time_ns, ns.inum);
    to->time_for_children = BPF_CORE_READ(nsproxy, time_ns_for_children, ns.inum);
    to->pid_for_children = BPF_CORE_READ(nsproxy, pid_ns_for_children, ns.inum);
}

/* The rest of a set: what a task is in by its struct pid and its credentials. Both are put through
 * RCU only, and every program here runs under rcu_read_lock. */
static __always_inline void read_active(struct nst_ns_set *to, struct task_struct *task)
{
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    struct pid_namespace *active = active_pid_namespace(pid);

    to->pid = BPF_CORE_READ(active, ns.inum);
    to->user = BPF_CORE_READ(task, real_cred, user_ns, ns.inum);
}

/* What nsproxy does a task have, with all ten references. */
static __always_inline void read_ns_set(struct nst_ns_set *to, struct task_struct *task)
{
    struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);

    read_nsproxy(to, nsproxy);
    read_active(to, task);
    if (task != current_task() && BPF_CORE_READ(task, nsproxy) != nsproxy) {
        nsproxy = BPF_CORE_READ(task, nsproxy);
        read_nsproxy(to, nsproxy);
        if (BPF_CORE_READ(task, nsproxy) != nsproxy) {
            /* Twice in a row: say that it is not known. */
            to->nsproxy = key_of(BPF_CORE_READ(task, nsproxy));
            to->mnt = to->uts = to->ipc = to->net = to->cgroup = 0;
            to->time = to->time_for_children = to->pid_for_children = 0;
        }
    }
}

/* The pid vector, outermost first. The numbers of a struct pid never change while it lives, so this
 * may run after the reservation. `room` is from RESERVE_TAIL. */
static __always_inline void read_vpids(struct nst_pid_nr *to, struct pid *pid, u32 levels, u64 room)
{
    for (u32 i = 0; i < NST_MAX_LEVELS; i++) {
        struct upid *upid;

        AS_WRITTEN(i);
        if (i >= room || i >= levels)
            break;
        upid = upid_at(pid, i);
        to[i].pid_namespace = BPF_CORE_READ(upid, ns, ns.inum);
        to[i].nr = BPF_CORE_READ(upid, nr);
    }
}

#endif
