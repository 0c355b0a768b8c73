/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by scripts/trim-vmlinux from a bpftool dump of kernel BTF; do not edit: see vmlinux.wanted. */
/* bpf_tracing.h knows it by this guard. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef __u8 u8;
typedef unsigned short __u16;
typedef __u16 u16;
typedef unsigned int __u32;
typedef __u32 u32;
typedef unsigned long long __u64;
typedef __u64 u64;
typedef signed char __s8;
typedef __s8 s8;
typedef short __s16;
typedef __s16 s16;
typedef int __s32;
typedef __s32 s32;
typedef long long __s64;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

typedef int __kernel_pid_t;
typedef __kernel_pid_t pid_t;
typedef struct refcount_struct refcount_t;
typedef unsigned int __kernel_uid32_t;
typedef __kernel_uid32_t uid_t;
typedef unsigned long size_t;
typedef long long loff_t;

enum cgroup_subsys_id {
	cpuset_cgrp_id = 0,
	cpu_cgrp_id = 1,
	cpuacct_cgrp_id = 2,
	io_cgrp_id = 3,
	memory_cgrp_id = 4,
	devices_cgrp_id = 5,
	freezer_cgrp_id = 6,
	net_cls_cgrp_id = 7,
	perf_event_cgrp_id = 8,
	net_prio_cgrp_id = 9,
	hugetlb_cgrp_id = 10,
	pids_cgrp_id = 11,
	rdma_cgrp_id = 12,
	misc_cgrp_id = 13,
	CGROUP_SUBSYS_COUNT = 14,
};

enum bpf_map_type {
	BPF_MAP_TYPE_UNSPEC = 0,
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_SOCKMAP = 15,
	BPF_MAP_TYPE_CPUMAP = 16,
	BPF_MAP_TYPE_XSKMAP = 17,
	BPF_MAP_TYPE_SOCKHASH = 18,
	BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED = 19,
	BPF_MAP_TYPE_CGROUP_STORAGE = 19,
	BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED = 21,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE = 21,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_DEVMAP_HASH = 25,
	BPF_MAP_TYPE_STRUCT_OPS = 26,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_INODE_STORAGE = 28,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_MAP_TYPE_BLOOM_FILTER = 30,
	BPF_MAP_TYPE_USER_RINGBUF = 31,
	BPF_MAP_TYPE_CGRP_STORAGE = 32,
	BPF_MAP_TYPE_ARENA = 33,
	__MAX_BPF_MAP_TYPE = 34,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
	BPF_F_LOCK = 4,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_NO_COMMON_LRU = 2,
	BPF_F_NUMA_NODE = 4,
	BPF_F_RDONLY = 8,
	BPF_F_WRONLY = 16,
	BPF_F_STACK_BUILD_ID = 32,
	BPF_F_ZERO_SEED = 64,
	BPF_F_RDONLY_PROG = 128,
	BPF_F_WRONLY_PROG = 256,
	BPF_F_CLONE = 512,
	BPF_F_MMAPABLE = 1024,
	BPF_F_PRESERVE_ELEMS = 2048,
	BPF_F_INNER_MAP = 4096,
	BPF_F_LINK = 8192,
	BPF_F_PATH_FD = 16384,
	BPF_F_VTYPE_BTF_OBJ_FD = 32768,
	BPF_F_TOKEN_FD = 65536,
	BPF_F_SEGV_ON_FAULT = 131072,
	BPF_F_NO_USER_CONV = 262144,
};

enum {
	false = 0,
	true = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct;
struct pid;
struct nsproxy;
struct cred;
struct signal_struct;
struct css_set;
struct uts_namespace;
struct ipc_namespace;
struct mnt_namespace;
struct pid_namespace;
struct net;
struct time_namespace;
struct cgroup_namespace;
struct proc_ns_operations;
struct user_namespace;
struct cgroup;
struct cgroup_subsys_state;
struct kernfs_node;
struct cgroup_root;
struct file_operations;
struct inode;
struct super_block;
struct sock;
struct seq_file;
struct bpf_iter_meta;
struct file;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	uid_t val;
} kuid_t;

typedef struct {
	u64 val;
} kernel_cap_t;

typedef struct {
	struct net *net;
} possible_net_t;

struct task_struct {
	pid_t pid;
	pid_t tgid;
	u64 start_boottime;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	struct nsproxy *nsproxy;
	const struct cred *real_cred;
	char comm[16];
	int exit_code;
	int exit_state;
	unsigned int flags;
	struct signal_struct *signal;
	int exit_signal;
	unsigned int ptrace;
	struct task_struct *parent;
	const struct cred *cred;
	struct css_set *cgroups;
};

struct signal_struct {
	atomic_t live;
	unsigned int is_child_subreaper: 1;
	unsigned int has_child_subreaper: 1;
};

struct refcount_struct {
	atomic_t refs;
};

struct nsproxy {
	refcount_t count;
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct ns_common {
	unsigned int inum;
	refcount_t count;
	const struct proc_ns_operations *ops;
};

struct proc_ns_operations {
	int type;
};

struct uts_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};

struct ipc_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};

struct mnt_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
	u64 seq;
};

struct idr {
	unsigned int idr_next;
};

struct pid_namespace {
	struct ns_common ns;
	struct pid_namespace *parent;
	struct user_namespace *user_ns;
	unsigned int level;
	struct idr idr;
	unsigned int pid_allocated;
	struct task_struct *child_reaper;
};

struct net {
	struct ns_common ns;
	struct user_namespace *user_ns;
	u64 net_cookie;
};

struct time_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};

struct cgroup_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};

struct user_namespace {
	struct ns_common ns;
	struct user_namespace *parent;
	int level;
	kuid_t owner;
};

struct cred {
	struct user_namespace *user_ns;
	kuid_t euid;
	kernel_cap_t cap_effective;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[0];
};

struct linux_binprm {
	const char *filename;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
	struct cgroup *cgroup;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[14];
	struct cgroup_root *root;
};

struct cgroup_root {
	int hierarchy_id;
};

struct kernfs_node {
	const char *name;
	u64 id;
};

struct pids_cgroup {
	struct cgroup_subsys_state css;
	atomic64_t counter;
	atomic64_t limit;
};

struct file {
	const struct file_operations *f_op;
	void *private_data;
	struct inode *f_inode;
};

struct inode {
	struct super_block *i_sb;
	long unsigned int i_ino;
	void *i_private;
};

struct super_block {
	long unsigned int s_magic;
};

struct socket {
	struct sock *sk;
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct pt_regs {
	long unsigned int di;
	long unsigned int si;
	long unsigned int dx;
	long unsigned int cx;
	long unsigned int r8;
	long unsigned int ax;
	long unsigned int orig_ax;
	long unsigned int ip;
	long unsigned int sp;
	long unsigned int bp;
};

#pragma clang attribute pop

#endif
