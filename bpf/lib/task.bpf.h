/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading tasks, their namespaces and their pid vectors into the wire structs.
 *
 * One body serves fentry, kprobes, tracepoints and iterators (struct run says how each reads); a
 * pointer that has gone bad reads as zero, which the wire calls "unknown".
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

static __always_inline void read_task_ref(const struct run *run, struct nst_task_ref *to,
                                          struct task_struct *task)
{
    to->key = key_of_some(run, task);
    to->start_boottime_ns = READ(run, task, start_boottime);
    to->tid = READ(run, task, pid);
    to->tgid = READ(run, task, tgid);
}

/* bpf_get_current_pid_tgid()'s lower half. */
static __always_inline u32 current_tid(const struct run *run)
{
    struct task_struct *current = current_task(run);

    return READ(run, current, pid);
}

static __always_inline u32 read_parent_tgid(const struct run *run, struct task_struct *task)
{
    return READ_VIA(run, task, real_parent, tgid);
}

/* Who gets its signals and has to wait for it first: ptrace_link() makes the tracer the parent. */
static __always_inline u32 read_tracer_tgid(const struct run *run, struct task_struct *task)
{
    return READ(run, task, ptrace) ? READ_VIA(run, task, parent, tgid) : 0;
}

static __always_inline void read_comm(const struct run *run, char (*to)[16],
                                      struct task_struct *task)
{
    /* By words: clang would take a text by bytes. */
    const u64 *words = (const void *)&task->comm;
    u64 *into = (void *)to;

    if (run->typed) {
        into[0] = words[0];
        into[1] = words[1];
    } else {
        BPF_CORE_READ_INTO(to, task, comm);
    }
}

/* A task always has a cgroup in the unified hierarchy, mounted or not. */
static __always_inline u64 read_cgroup_id(const struct run *run, struct task_struct *task)
{
    struct css_set *set = READ(run, task, cgroups);
    struct cgroup *cgroup = READ(run, set, dfl_cgrp);

    return READ_VIA(run, cgroup, kn, id);
}

/* The last number given in turn, of the cursor from which idr_alloc_cyclic() goes on. Without a
 * branch, which would double the verifier's work at each level of a vector. */
static __always_inline u32 last_pid_of(u64 cursor)
{
    u64 one = -cursor;

    AS_WRITTEN(one);
    return cursor - (one >> 63);
}

/* numbers[level] of a struct pid given by its address: the verifier wants a constant index into
 * what is typed. */
static __always_inline struct upid *upid_at(u64 pid, u32 level)
{
    return (struct upid *)(pid + bpf_core_field_offset(struct pid, numbers) +
                           level * bpf_core_type_size(struct upid));
}

static __always_inline u32 pid_levels(const struct run *run, struct pid *pid)
{
    u32 levels = READ(run, pid, level) + 1;

    return is_null(pid) ? 0 : levels > NST_MAX_LEVELS ? NST_MAX_LEVELS : levels;
}

/* The namespace that a struct pid is active in, for programs that probe. */
static __always_inline struct pid_namespace *probed_active(u64 pid, u32 levels)
{
    struct upid *innermost = upid_at(pid, levels - 1);

    return levels ? BPF_CORE_READ(innermost, ns) : 0;
}

/* Of the namespace that a struct pid is active in, which for most is the initial one, at a constant
 * index. */
static __always_inline u32 active_inum(const struct run *run, struct pid *pid, u32 levels)
{
    struct pid_namespace *initial;

    if (!run->typed || levels != 1)
        return BPF_CORE_READ(probed_active(address_of(run, pid), levels), ns.inum);
    initial = READ(run, pid, numbers[0].ns);
    return READ(run, initial, ns.inum);
}

static __always_inline u32 active_reaper_tgid(const struct run *run, struct pid *pid, u32 levels)
{
    struct pid_namespace *initial;

    if (!run->typed || levels != 1)
        return BPF_CORE_READ(probed_active(address_of(run, pid), levels), child_reaper, tgid);
    initial = READ(run, pid, numbers[0].ns);
    return READ_VIA(run, initial, child_reaper, tgid);
}

/* What init_nsproxy refers to, with the initial pid and user namespaces, which most tasks of a host
 * share: these are variables of the kernel's and stay as they are. [1] is that, once a snapshot has
 * found it; [0] of no nsproxy at all. Which of them is asked for by number, so that no processor
 * can find it before it is there. */
__u64 initial_sets[2][sizeof(struct nst_ns_set) / sizeof(__u64)] __weak = {};
volatile __u32 initial_known __weak = 0;

/* The nsproxy part of a set. Another task's nsproxy can be put while it is read; the fields are
 * then whatever the memory holds. As long as the task still points at it afterwards it was alive
 * throughout, so read_ns_set checks and reads again. */
static __always_inline void read_nsproxy(const struct run *run, struct nst_ns_set *to,
                                         struct nsproxy *nsproxy)
{
    const __u64 *initial = initial_sets[initial_known & 1];
    u64 *words = (void *)to;

    words[0] = key_of(run, nsproxy);
    if (words[0] == initial[0]) {
        /* From mnt to pid_for_children. As written: clang would share the last load with the way
         * below, and the verifier wants each load to be of one type. */
        for (u32 i = 1; i <= 4; i++) {
            u64 word = initial[i];

            AS_WRITTEN(word);
            words[i] = word;
        }
        return;
    }
    to->mnt = READ_VIA(run, nsproxy, mnt_ns, ns.inum);
    to->uts = READ_VIA(run, nsproxy, uts_ns, ns.inum);
    to->ipc = READ_VIA(run, nsproxy, ipc_ns, ns.inum);
    to->net = READ_VIA(run, nsproxy, net_ns, ns.inum);
    to->cgroup = READ_VIA(run, nsproxy, cgroup_ns, ns.inum);
    to->time = READ_VIA(run, nsproxy, time_ns, ns.inum);
    to->time_for_children = READ_VIA(run, nsproxy, time_ns_for_children, ns.inum);
    to->pid_for_children = READ_VIA(run, nsproxy, pid_ns_for_children, ns.inum);
}

/* The rest of a set: what a task is in by its struct pid and its credentials. Both are put through
 * RCU only, and every program here runs under rcu_read_lock. */
static __always_inline void read_active(const struct run *run, struct nst_ns_set *to,
                                        struct task_struct *task)
{
    struct pid *pid = READ(run, task, thread_pid);
    const struct cred *cred = READ(run, task, real_cred);
    u32 levels = pid_levels(run, pid);

    to->pid = active_inum(run, pid, levels);
    to->user = READ_VIA(run, cred, user_ns, ns.inum);
}

/* What nsproxy does a task have, with all ten references. Only current changes its own. */
static __always_inline void read_ns_set(const struct run *run, struct nst_ns_set *to,
                                        struct task_struct *task, bool is_current)
{
    struct nsproxy *nsproxy = READ(run, task, nsproxy);

    read_nsproxy(run, to, nsproxy);
    read_active(run, to, task);
    if (!is_current && READ(run, task, nsproxy) != nsproxy) {
        nsproxy = READ(run, task, nsproxy);
        read_nsproxy(run, to, nsproxy);
        if (READ(run, task, nsproxy) != nsproxy) {
            /* Twice in a row: say that it is not known. */
            to->nsproxy = key_of(run, READ(run, task, nsproxy));
            to->mnt = to->uts = to->ipc = to->net = to->cgroup = 0;
            to->time = to->time_for_children = to->pid_for_children = 0;
        }
    }
}

/* How much of its record a task's set need not take: all where it is the initial one, else nothing.
 * That is for good once it is known: an nsproxy does not change, and this asks for it once. */
static __always_inline u64 without_initial_set(const struct run *run, struct task_struct *task,
                                               u32 levels)
{
    const struct nst_ns_set *initial = (void *)initial_sets[initial_known & 1];
    u64 nsproxy = key_of(run, READ(run, task, nsproxy));
    const struct cred *cred = READ(run, task, real_cred);

    return nsproxy && nsproxy == initial->nsproxy && levels == 1 &&
                   READ_VIA(run, cred, user_ns, ns.inum) == initial->user
               ? sizeof(struct nst_ns_set)
               : 0;
}

/* The pid vector, outermost first. The numbers of a struct pid never change while it lives, so this
 * may run after the reservation. `active` is active_inum(), or 0 where that was not read. */
static __always_inline void read_vpids(const struct run *run, struct nst_pid_nr *to,
                                       struct pid *pid, u32 levels, u32 active)
{
    u64 address;

    if (run->typed && levels == 1) {
        to->pid_namespace = active ? active : READ_VIA(run, pid, numbers[0].ns, ns.inum);
        to->nr = READ(run, pid, numbers[0].nr);
        return;
    }
    address = address_of(run, pid);
    for (u32 i = 0; i < NST_MAX_LEVELS; i++) {
        struct upid *upid;

        AS_WRITTEN(i);
        if (i >= levels)
            break;
        upid = upid_at(address, i);
        to[i].pid_namespace = BPF_CORE_READ(upid, ns, ns.inum);
        to[i].nr = BPF_CORE_READ(upid, nr);
    }
}

#endif
