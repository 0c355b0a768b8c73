// SPDX-License-Identifier: GPL-2.0-only
/*
 * Facts about namespaces: type, inum, parent, owner, level, and the kernel's own id where it has
 * one.
 *
 * Global functions, each verified once by itself: they take numbers, not typed pointers, and read
 * through bpf_probe_read_kernel. The caller holds a reference, or runs under rcu_read_lock where
 * RCU is enough.
 */
#include "lib/task.bpf.h"
#include "lib/told.bpf.h"

#define PIDNS_ADDING (1U << 31)

/* Members that not every kernel has; libbpf matches what stands before the ___. */
struct ns_common___6_18 {
    u64 ns_id;
    refcount_t __ns_ref; /* count before */
} __attribute__((preserve_access_index));
struct pid_namespace___6_14 {
    int pid_max;
} __attribute__((preserve_access_index));

static __always_inline u32 references_of(struct ns_common *common)
{
    struct ns_common___6_18 *newer = (void *)common;

    if (bpf_core_field_exists(newer->__ns_ref))
        return BPF_CORE_READ(newer, __ns_ref.refs.counter);
    return bpf_core_field_exists(common->count) ? BPF_CORE_READ(common, count.refs.counter) : 0;
}

static __noinline struct nst_namespace *start_facts(u32 type, struct ns_common *common,
                                                    struct user_namespace *owner, u64 id, u32 round)
{
    struct ns_common___6_18 *newer = (void *)common;
    struct run run = probing_run(cpu_stats());
    struct nst_namespace *event = RESERVE(&run, namespace);

    if (!event)
        return 0;
    event->ns_key = key_of_some(&run, common);
    event->id = bpf_core_field_exists(newer->ns_id) ? BPF_CORE_READ(newer, ns_id) : id;
    event->type = type;
    event->inum = BPF_CORE_READ(common, inum);
    event->parent = 0;
    event->owner = BPF_CORE_READ(owner, ns.inum);
    event->level = 0;
    event->creator_uid = 0;
    event->last_pid = 0;
    event->pid_allocated = 0;
    event->reaper_tid = 0;
    event->round = round;
    event->references = references_of(common);
    event->pid_max = 0;
    return event;
}

/* A user namespace and, in a snapshot, its ancestors: they may have no task of their own. */
__noinline int emit_user_facts(u64 address, u32 round)
{
    for (u32 i = 0; i < NST_MAX_LEVELS + 1; i++) {
        struct user_namespace *ns = (void *)address;
        struct user_namespace *parent;
        struct nst_namespace *event;

        if (!ns || told_before(address, round))
            return 0;
        parent = BPF_CORE_READ(ns, parent);
        /* Its owner is its parent, as NS_GET_USERNS says too. */
        event = start_facts(NST_ns_type_user, &ns->ns, parent, 0, round);
        if (event) {
            event->parent = event->owner;
            event->level = BPF_CORE_READ(ns, level);
            event->creator_uid = BPF_CORE_READ(ns, owner.val);
            SUBMIT(event);
        }
        if (!round)
            return 0;
        address = (u64)parent;
    }
    return 0;
}

/* A pid namespace and, in a snapshot, its ancestors and its owner. Owners of ancestors are
 * ancestors of the owner (create_pid_namespace() demands it), so one chain of user namespaces tells
 * them all. */
__noinline int emit_pid_facts(u64 address, u32 round)
{
    struct pid_namespace *first = (void *)address;

    if (!first)
        return 0;
    if (round)
        emit_user_facts((u64)BPF_CORE_READ(first, user_ns), round);
    for (u32 i = 0; i < NST_MAX_LEVELS; i++) {
        struct pid_namespace *ns = (void *)address;
        struct pid_namespace___6_14 *newer = (void *)ns;
        struct nst_namespace *event;

        if (!ns || told_before(address, round))
            return 0;
        event = start_facts(NST_ns_type_pid, &ns->ns, BPF_CORE_READ(ns, user_ns), 0, round);
        if (event) {
            event->parent = BPF_CORE_READ(ns, parent, ns.inum);
            event->level = BPF_CORE_READ(ns, level);
            event->last_pid = last_pid_of(BPF_CORE_READ(ns, idr.idr_next));
            event->pid_allocated = BPF_CORE_READ(ns, pid_allocated);
            /* Nobody clears child_reaper: in a namespace without numbers it points at what was a
             * task. */
            if (event->pid_allocated & ~PIDNS_ADDING)
                event->reaper_tid = BPF_CORE_READ(ns, child_reaper, pid);
            if (bpf_core_field_exists(newer->pid_max))
                event->pid_max = BPF_CORE_READ(newer, pid_max);
            SUBMIT(event);
        }
        if (!round)
            return 0;
        address = (u64)BPF_CORE_READ(ns, parent);
    }
    return 0;
}

/* The types that have nothing but an owner; `number` names an id of their own, if they have one. */
#define PLAIN_FACTS(name, structure, number)                                    \
    __noinline int emit_##name##_facts(u64 address, u32 round)                  \
    {                                                                           \
        struct structure *ns = (void *)address;                                 \
        struct user_namespace *owner;                                           \
        struct nst_namespace *event;                                            \
                                                                                \
        if (!ns || told_before(address, round))                                 \
            return 0;                                                           \
        owner = BPF_CORE_READ(ns, user_ns);                                     \
        event = start_facts(NST_ns_type_##name, &ns->ns, owner, number, round); \
        if (event)                                                              \
            SUBMIT(event);                                                      \
        if (round)                                                              \
            emit_user_facts((u64)owner, round);                                 \
        return 0;                                                               \
    }

PLAIN_FACTS(mnt, mnt_namespace, bpf_core_field_exists(ns->seq) ? BPF_CORE_READ(ns, seq) : 0)
PLAIN_FACTS(net, net, bpf_core_field_exists(ns->net_cookie) ? BPF_CORE_READ(ns, net_cookie) : 0)
PLAIN_FACTS(uts, uts_namespace, 0)
PLAIN_FACTS(ipc, ipc_namespace, 0)
PLAIN_FACTS(cgroup, cgroup_namespace, 0)
PLAIN_FACTS(time, time_namespace, 0)

/* What `nsproxy` has and `other` has not. */
#define TELL(type, member)                            \
    do {                                              \
        u64 ns = (u64)BPF_CORE_READ(mine, member);    \
        if (ns != (u64)BPF_CORE_READ(theirs, member)) \
            emit_##type##_facts(ns, round);           \
    } while (0)

__noinline int emit_facts_of_nsproxy(u64 nsproxy, u64 other, u32 round)
{
    struct nsproxy *mine = (void *)nsproxy;
    struct nsproxy *theirs = (void *)other;

    if (!nsproxy || nsproxy == other || told_before(nsproxy, round))
        return 0;
    TELL(mnt, mnt_ns);
    TELL(uts, uts_ns);
    TELL(ipc, ipc_ns);
    TELL(net, net_ns);
    TELL(cgroup, cgroup_ns);
    TELL(time, time_ns);
    TELL(time, time_ns_for_children);
    TELL(pid, pid_ns_for_children);
    return 0;
}

__noinline int emit_facts_of_task(u64 address, u64 other, u32 round)
{
    struct task_struct *task = (void *)address;
    struct run run = {.typed = false};
    struct pid *pid;

    if (!task)
        return 0;
    emit_user_facts((u64)BPF_CORE_READ(task, real_cred, user_ns), round);
    emit_facts_of_nsproxy((u64)BPF_CORE_READ(task, nsproxy), other, round);
    pid = BPF_CORE_READ(task, thread_pid);
    emit_pid_facts((u64)probed_active((u64)pid, pid_levels(&run, pid)), round);
    return 0;
}

/* The namespace around a ns_common. */
#define AROUND(name, structure) \
    case NST_ns_type_##name:    \
        return emit_##name##_facts(common - bpf_core_field_offset(struct structure, ns), round)

__noinline int emit_facts_of_ns(u64 common, u32 type, u32 round)
{
    switch (type) {
        AROUND(mnt, mnt_namespace);
        AROUND(uts, uts_namespace);
        AROUND(ipc, ipc_namespace);
        AROUND(pid, pid_namespace);
        AROUND(net, net);
        AROUND(cgroup, cgroup_namespace);
        AROUND(time, time_namespace);
        AROUND(user, user_namespace);
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
