// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshot: every task, told into the same ring as the live events. Begin and end are marks in
 * the ring, because only there they have a place among the live events; "the iterator has been read
 * to its end and the ring is empty" proves nothing while a record ahead is still being written.
 */
#include "lib/task.bpf.h"
#include "lib/told.bpf.h"

#define PF_KTHREAD 0x00200000

static __always_inline void emit_mark(const struct run *run, u32 what)
{
    struct nst_mark *event = RESERVE(run, mark);

    if (!event)
        return;
    event->what = what;
    event->round = snapshot_round;
    SUBMIT(event);
}

/* A pointer's object was told lately. `anchor` turns a distance into an address. */
#define TOLD(run, object) told_lately(anchor + distance_of(run, object), snapshot_round)

/* All namespaces of a task. Most are active in the initial pid namespace, at a constant index. */
static __always_inline bool facts_told_lately(const struct run *run, struct task_struct *task,
                                              struct pid *pid, u32 levels, u64 anchor)
{
    const struct cred *cred = READ(run, task, real_cred);
    u64 active;

    if (!TOLD(run, READ(run, task, nsproxy)) || !TOLD(run, READ(run, cred, user_ns)))
        return false;
    if (levels == 1)
        return TOLD(run, READ(run, pid, numbers[0].ns));
    active = (u64)probed_active(anchor + distance_of(run, pid), levels);
    return told_lately(active, snapshot_round);
}

/* It has init_nsproxy from the start (rest_init) and for good. */
static __always_inline bool is_kthreadd(const struct run *run, struct task_struct *task)
{
    return READ(run, task, pid) == 2 && READ(run, task, flags) & PF_KTHREAD;
}

SEC("?iter/task")
int iter_task_iter(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    struct run run = typed_run(cpu_stats());
    u64 number = ctx->meta->seq_num;
    struct nst_task_seen *event, *behind;
    u64 anchor = anchor_address();
    struct nst_ns_set ns;
    struct css_set *set;
    struct pid *pid;
    u32 levels, exit_state;
    u64 left_out;
    char one = '.';

    if (!task) {
        emit_mark(&run, NST_mark_what_snapshot_end);
        return 0;
    }
    if (number == 0)
        emit_mark(&run, NST_mark_what_snapshot_begin);
    /* One byte a task, so that a read() of n bytes returns after n tasks and the agent can drain
     * the ring in between; otherwise one read would tell them all and overrun it. */
    bpf_seq_write(ctx->meta->seq, &one, sizeof(one));

    /* Read what changes first, reserve last: then a live event that stands before this record in
     * the ring may make it stale, and the reader knows to let the live event win. */
    pid = READ(&run, task, thread_pid);
    levels = pid_levels(&run, pid);
    left_out = without_initial_set(&run, task, levels);
    if (!left_out) {
        read_ns_set(&run, &ns, task, false);
        if (!initial_known && is_kthreadd(&run, task)) {
            __builtin_memcpy(initial_sets[1], &ns, sizeof(ns));
            __sync_fetch_and_add(&initial_known, 1);
        }
    }
    exit_state = READ(&run, task, exit_state);
    if (!facts_told_lately(&run, task, pid, levels, anchor))
        emit_facts_of_task(anchor + distance_of(&run, task), 0, snapshot_round);
    set = READ(&run, task, cgroups);
    if (!TOLD(&run, READ(&run, set, dfl_cgrp)))
        emit_cgroups_of_task(anchor + distance_of(&run, task), snapshot_round);

    event = RESERVE_SHORT(&run, task_seen, struct nst_pid_nr, levels, left_out);
    if (!event)
        return 0;
    read_task_ref(&run, &event->task, task);
    event->pid_key = key_of(&run, pid);
    if (!left_out)
        event->ns = ns;
    behind = BEHIND_SET(event, left_out);
    behind->ppid = read_parent_tgid(&run, task);
    behind->round = snapshot_round;
    behind->exit_state = exit_state;
    behind->flags = READ(&run, task, flags);
    behind->exit_code = READ(&run, task, exit_code);
    behind->levels = levels;
    read_comm(&run, &behind->comm, task);
    behind->cgroup = read_cgroup_id(&run, task);
    behind->tracer = read_tracer_tgid(&run, task);
    behind->exit_signal = READ(&run, task, exit_signal);
    read_vpids(&run, (void *)(behind + 1), pid, levels, left_out ? 0 : ns.pid);
    SUBMIT(event);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
