// SPDX-License-Identifier: GPL-2.0-only
/*
 * What keeps namespaces besides tasks: open files of nsfs, sockets of other network namespaces, and
 * pidfds. The agent starts a round, reads the iterator to its end, looks at mounts itself and tells
 * both ends of the round.
 */
#include "lib/task.bpf.h"
#include "lib/told.bpf.h"

#define NSFS_MAGIC 0x6e736673
#define PIDFS_MAGIC 0x50494446 /* 6.9 */
#define SOCKFS_MAGIC 0x534f434b

/* Members that not every kernel has; libbpf matches what stands before the ___. */
struct ns_common___with_type {
    u32 ns_type; /* 6.18; ops->type before */
} __attribute__((preserve_access_index));

__u32 holders_round = 0; /* set by the agent before it reads the iterator; 0 = learn (see below) */
/* Before pidfs, a pidfd is a file like others but for its f_op, whose address nobody tells. So the
 * agent opens a pidfd of its own and first reads the iterator over its own files alone. */
__u32 learn_tgid = 0;
__u32 learn_fd = 0;
__u64 pidfd_operations = 0; /* key_of() the f_op */

static __always_inline u32 type_of(struct ns_common *ns)
{
    struct ns_common___with_type *newer = (void *)ns;
    u32 flag = bpf_core_field_exists(newer->ns_type) ? BPF_CORE_READ(newer, ns_type)
                                                     : (u32)BPF_CORE_READ(ns, ops, type);

    switch (flag) {
        case CLONE_NEWNS:
            return NST_ns_type_mnt;
        case CLONE_NEWUTS:
            return NST_ns_type_uts;
        case CLONE_NEWIPC:
            return NST_ns_type_ipc;
        case CLONE_NEWPID:
            return NST_ns_type_pid;
        case CLONE_NEWNET:
            return NST_ns_type_net;
        case CLONE_NEWCGROUP:
            return NST_ns_type_cgroup;
        case CLONE_NEWTIME:
            return NST_ns_type_time;
        case CLONE_NEWUSER:
            return NST_ns_type_user;
    }
    return NST_ns_type_none;
}

static __always_inline void emit_holder(const struct run *run, struct task_struct *task, u32 fd,
                                        u32 what, struct ns_common *ns, u32 type)
{
    struct nst_ns_holder *event;

    /* Facts come first in the ring; they belong to the last snapshot, which could not see the
     * namespace where no task is in it. */
    emit_facts_of_ns((u64)ns, type, snapshot_round);
    event = RESERVE(run, ns_holder);
    if (!event)
        return;
    read_task_ref(run, &event->task, task);
    event->ns_key = key_of(run, ns);
    event->type = type;
    event->inum = BPF_CORE_READ(ns, inum);
    event->what = what;
    event->fd = fd;
    event->mnt = 0;
    event->round = holders_round;
    __builtin_memset(event->path, 0, sizeof(event->path));
    SUBMIT(event);
}

static __always_inline void emit_pidfd(const struct run *run, struct task_struct *task, u32 fd,
                                       struct pid *pid)
{
    struct pid_namespace *ns = probed_active((u64)pid, pid_levels(run, pid));

    /* The initial namespace needs nobody to hold it. */
    if (ns && BPF_CORE_READ(pid, level))
        emit_holder(run, task, fd, NST_holder_what_pidfd, &ns->ns, NST_ns_type_pid);
}

static __always_inline void emit_socket(const struct run *run, struct task_struct *task, u32 fd,
                                        struct socket *socket)
{
    struct net *net = BPF_CORE_READ(socket, sk, __sk_common.skc_net.net);
    struct net *own = BPF_CORE_READ(task, nsproxy, net_ns);

    if (net && own && net != own)
        emit_holder(run, task, fd, NST_holder_what_socket, &net->ns, NST_ns_type_net);
}

static __always_inline void look_at(const struct run *run, struct task_struct *task, u32 fd,
                                    struct file *file)
{
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
    u64 operations;
    struct ns_common *ns;

    if (magic == NSFS_MAGIC) {
        ns = BPF_CORE_READ(inode, i_private);
        if (ns)
            emit_holder(run, task, fd, NST_holder_what_file, ns, type_of(ns));
        return;
    }
    if (magic == SOCKFS_MAGIC) {
        emit_socket(run, task, fd, BPF_CORE_READ(file, private_data));
        return;
    }
    if (magic == PIDFS_MAGIC) {
        emit_pidfd(run, task, fd, BPF_CORE_READ(inode, i_private));
        return;
    }
    operations = key_of(run, BPF_CORE_READ(file, f_op));
    if (operations == pidfd_operations)
        emit_pidfd(run, task, fd, BPF_CORE_READ(file, private_data));
}

SEC("?iter/task_file")
int iter_task_file_iter(struct bpf_iter__task_file *ctx)
{
    struct task_struct *typed_task = ctx->task, *task = 0;
    struct file *typed_file = ctx->file, *file = 0;
    struct run run = probing_run(cpu_stats());
    u32 fd = ctx->fd;
    char one = '.';

    if (!typed_task || !typed_file)
        return 0;
    /* One byte a file, as in the snapshot: the agent drains the ring in between. */
    bpf_seq_write(ctx->meta->seq, &one, sizeof(one));
    bpf_probe_read_kernel(&task, sizeof(task), &typed_task);
    bpf_probe_read_kernel(&file, sizeof(file), &typed_file);
    if (!holders_round) {
        if ((u32)BPF_CORE_READ(task, tgid) == learn_tgid && fd == learn_fd)
            pidfd_operations = key_of(&run, BPF_CORE_READ(file, f_op));
        return 0;
    }
    look_at(&run, task, fd, file);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
