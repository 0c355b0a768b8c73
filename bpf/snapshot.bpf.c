// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshot: every task, told into the same ring as the live events. Begin and end are marks in
 * the ring, because only there they have a place among the live events; "the iterator has been read
 * to its end and the ring is empty" proves nothing while a record ahead is still being written.
 */
#include "lib/task.bpf.h"
#include "lib/told.bpf.h"

static __always_inline void emit_mark(const struct run *run, u32 what)
{
    struct nst_mark *event = RESERVE(run, mark);

    if (!event)
        return;
    event->what = what;
    event->round = snapshot_round;
    SUBMIT(event);
}

SEC("?iter/task")
int iter_task_iter(struct bpf_iter__task *ctx)
{
    struct task_struct *task = 0;
    struct task_struct *typed = ctx->task;
    struct run run = probing_run(cpu_stats());
    u64 number = ctx->meta->seq_num;
    struct nst_task_seen *event;
    struct nst_ns_set ns;
    struct pid *pid;
    u32 levels, exit_state;
    u64 room;
    char one = '.';

    if (!typed) {
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
    bpf_probe_read_kernel(&task, sizeof(task), &typed);
    read_ns_set(&run, &ns, task);
    pid = BPF_CORE_READ(task, thread_pid);
    exit_state = BPF_CORE_READ(task, exit_state);
    levels = pid_levels(&run, pid);
    emit_facts_of_task((u64)task, 0, snapshot_round);
    emit_cgroups_of_task((u64)task, snapshot_round);

    event = RESERVE_TAIL(&run, task_seen, struct nst_pid_nr, levels, room);
    if (!event)
        return 0;
    read_task_ref(&run, &event->task, task);
    event->pid_key = key_of(&run, pid);
    event->ns = ns;
    event->ppid = read_parent_tgid(&run, task);
    event->round = snapshot_round;
    event->exit_state = exit_state;
    event->flags = BPF_CORE_READ(task, flags);
    event->exit_code = BPF_CORE_READ(task, exit_code);
    event->levels = levels;
    read_comm(&run, &event->comm, task);
    event->cgroup = read_cgroup_id(&run, task);
    event->tracer = read_tracer_tgid(&run, task);
    event->exit_signal = BPF_CORE_READ(task, exit_signal);
    read_vpids(&run, (void *)(event + 1), pid, levels, room);
    SUBMIT(event);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
