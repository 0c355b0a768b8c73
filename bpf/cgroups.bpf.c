// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cgroups of the unified hierarchy: their names, places, pids limits, and the tasks that move. A
 * task's membership itself comes with task_seen and task_new.
 */
#include "lib/task.bpf.h"
#include "lib/told.bpf.h"

/* How many levels a snapshot climbs from a task's cgroup. systemd inside a container inside
 * systemd makes about ten. */
#define MAX_CGROUP_LEVELS 40
/* pids_can_fork() lets every task through at this limit (PIDS_MAX: PID_MAX_LIMIT of a 64-bit kernel
 * and one). */
#define PIDS_UNLIMITED 0x400001

/* cgrp_dfl_root is the one with no number (cgroup_init_early); the others are of cgroup v1. */
static __always_inline bool is_unified(struct cgroup *cgroup)
{
    return BPF_CORE_READ(cgroup, root, hierarchy_id) == 0;
}

static __always_inline struct cgroup *parent_of(struct cgroup *cgroup)
{
    return BPF_CORE_READ(cgroup, self.parent, cgroup);
}

/* The root has a pids css as well, but pids_charge() does not count in it and it has no limit. */
static __always_inline void read_pids(struct nst_cgroup *to, struct cgroup *cgroup, bool is_root)
{
    struct cgroup_subsys_state *css = 0;
    struct pids_cgroup *pids;
    u64 limit;

    to->pids_used = 0;
    to->pids_max = 0;
    if (is_root || !bpf_core_type_exists(struct pids_cgroup) ||
        !bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
        return;
    bpf_probe_read_kernel(
        &css, sizeof(css),
        (char *)cgroup + bpf_core_field_offset(struct cgroup, subsys) +
            sizeof(css) * bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
    if (!css)
        return;
    pids = (void *)((char *)css - bpf_core_field_offset(struct pids_cgroup, css));
    limit = BPF_CORE_READ(pids, limit.counter);
    to->pids_used = BPF_CORE_READ(pids, counter.counter);
    to->pids_max = limit >= PIDS_UNLIMITED ? 0xffffffff : limit;
}

static __always_inline void emit_cgroup(const struct run *run, struct cgroup *cgroup, u32 what,
                                        u32 round)
{
    struct cgroup *parent = parent_of(cgroup);
    struct nst_cgroup *event = RESERVE(run, cgroup);

    if (!event)
        return;
    event->id = BPF_CORE_READ(cgroup, kn, id);
    event->parent = BPF_CORE_READ(parent, kn, id);
    event->what = what;
    event->round = round;
    read_pids(event, cgroup, !parent);
    READ_TEXT(event->name, BPF_CORE_READ(cgroup, kn, name));
    SUBMIT(event);
}

/* A task's cgroup and its ancestors. A task refers to its css_set, that to its cgroup, and a cgroup
 * to its parent, so all of them are alive. */
__noinline int emit_cgroups_of_task(u64 address, u32 round)
{
    struct task_struct *task = (void *)address;
    struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
    struct run run = probing_run(cpu_stats());

    for (u32 i = 0; i < MAX_CGROUP_LEVELS; i++) {
        if (!cgroup || told_before((u64)cgroup, round))
            return 0;
        emit_cgroup(&run, cgroup, NST_cgroup_what_seen, round);
        cgroup = parent_of(cgroup);
    }
    return 0;
}

static __always_inline void emit_change(const struct run *run, struct cgroup *cgroup, u32 what)
{
    if (is_unified(cgroup))
        emit_cgroup(run, cgroup, what, 0);
}

/* cgroup_mkdir(cgroup, path): the controllers are there already (cgroup_apply_control_enable). */
TRACEPOINT_HOOK(cgroup_mkdir)
{
    emit_change(run, (void *)arg[0], NST_cgroup_what_made);
}

/* cgroup_rename(cgroup, path): only cgroup v1 can, as of 6.18 (cgroup1_rename). */
TRACEPOINT_HOOK(cgroup_rename)
{
    emit_change(run, (void *)arg[0], NST_cgroup_what_renamed);
}

/* cgroup_rmdir(cgroup, path) */
TRACEPOINT_HOOK(cgroup_rmdir)
{
    emit_change(run, (void *)arg[0], NST_cgroup_what_removed);
}

/* cgroup_attach_task(cgroup, path, task, threadgroup): it has moved. */
TRACEPOINT_HOOK(cgroup_attach_task)
{
    struct cgroup *cgroup = (void *)arg[0];
    struct nst_task_cgroup *event;

    if (!is_unified(cgroup))
        return;
    event = RESERVE(run, task_cgroup);
    if (!event)
        return;
    read_task_ref(run, &event->task, (void *)arg[2]);
    event->cgroup = BPF_CORE_READ(cgroup, kn, id);
    event->whole = arg[3] & 1;
    event->actor_tid = current_tid(run);
    SUBMIT(event);
}

char LICENSE[] SEC("license") = "GPL";
