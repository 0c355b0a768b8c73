/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one way from a program to the ring buffer. Programs observe and never judge: they read first,
 * reserve last and submit at once, because the order of reservations is the only order there is.
 *
 * Everything here is __weak: each .bpf.c holds a copy and bpftool's linker keeps one.
 */
#ifndef NSTRAIL_EMIT_BPF_H
#define NSTRAIL_EMIT_BPF_H

/* clang-format off */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "lib/ring.bpf.h"
/* clang-format on */

/* Shared with the agent through the skeleton, hence the __u types that both sides know. Set before
 * loading. The keys make kernel addresses opaque before they leave the kernel: (distance ^ key_xor)
 * * key_mul, injective because key_mul is odd (see distance_of). */
const volatile __u64 key_xor __weak = 0;
const volatile __u64 key_mul __weak = 1;
/* exit_namespaces is attached, so task_exit need not read the namespaces once more. */
const volatile __u32 exit_namespaces_hooked __weak = 0;
/* System call numbers for sys_exit (on request in the reduced mode). */
const volatile __u32 nr_setns __weak = 0;
const volatile __u32 nr_unshare __weak = 0;

/* The gate: everything is attached before it opens, so that no hook sees what another is still deaf
 * to. */
volatile __u32 gate_open __weak = 0;

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct nst_cpu_stats);
} stats __weak SEC(".maps");

static __always_inline struct nst_cpu_stats *cpu_stats(void)
{
    u32 zero = 0;
    return bpf_map_lookup_elem(&stats, &zero);
}

/* NULL while the gate is closed. */
static __always_inline struct nst_cpu_stats *stats_if_open(void)
{
    return gate_open ? cpu_stats() : 0;
}

/* The same, and counts the hit (the canary reads it). One of the two is the first thing in every
 * program. */
static __always_inline struct nst_cpu_stats *hook_runs(enum nst_hook hook)
{
    struct nst_cpu_stats *mine = stats_if_open();

    /* Atomic: another program may interrupt this one on the same CPU. */
    if (mine)
        __sync_fetch_and_add(&mine->hits[hook], 1);
    return mine;
}

/* One run of a program, and how it reads the kernel's objects. Typed (fentry, fexit, tp_btf, the
 * iterator over tasks): the verifier knows what each pointer points to, and a read is one load,
 * which gives 0 where the address is bad. Else (kprobes, the iterator over files, global functions)
 * pointers are mere numbers, and bpf_probe_read_kernel does the same at some forty instructions.
 * Everything that takes a run is inlined, so that it costs no memory and the way not taken is not
 * there. */
struct run {
    struct nst_cpu_stats *stats;
    bool typed;
    u64 anchor; /* where the anchor of typed_distance() lies; not known where typed */
};

/* The verifier forbids arithmetic on typed pointers, but for the difference of two: this is the
 * cheapest number that can be made of one. The anchor is a variable of our own, which stays where
 * it is as long as the programs do. */
static __always_inline u64 typed_distance(const void *object)
{
    u64 distance = (u64)object;

    asm volatile("%0 -= %1" : "+r"(distance) : "r"(&gate_open));
    return distance;
}

/* Of current both the pointer and the number are to be had. */
static __always_inline u64 anchor_address(void)
{
    return bpf_get_current_task() - typed_distance(bpf_get_current_task_btf());
}

static __always_inline struct run typed_run(struct nst_cpu_stats *stats)
{
    struct run run = {stats, true, 0};
    return run;
}

static __always_inline struct run probing_run(struct nst_cpu_stats *stats)
{
    struct run run = {stats, false, anchor_address()};
    return run;
}

/* What tells objects of the kernel apart. */
static __always_inline u64 distance_of(const struct run *run, const void *object)
{
    return run->typed ? typed_distance(object) : (u64)object - run->anchor;
}

/* A helper call each time, so once in a program. */
static __always_inline struct task_struct *current_task(const struct run *run)
{
    return run->typed ? bpf_get_current_task_btf() : (void *)bpf_get_current_task();
}

/* Hides a value from clang's optimizer, which would turn comparisons of an index into comparisons
 * of byte offsets, or arithmetic back into branches, and so lose the bounds that the verifier needs
 * to see. */
#define AS_WRITTEN(value) asm volatile("" : "+r"(value))

/* A member of what `object` points to; 0 where that is NULL, as a typed load of a bad address gives
 * 0 too. No check for it: the verifier would follow both ways of each. In a variable of its own, as
 * the relocation would otherwise begin at the struct that `object` is a member of. READ_VIA: a
 * member of what a member points to. */
#define READ(run, object, member)                                    \
    ({                                                               \
        typeof((object) + 0) from_ = object;                         \
        (run)->typed ? from_->member : BPF_CORE_READ(from_, member); \
    })
#define READ_VIA(run, object, pointer, member)                           \
    ({                                                                   \
        typeof((object)->pointer + 0) via_ = READ(run, object, pointer); \
        READ(run, via_, member);                                         \
    })

/* Ask this whether a pointer is NULL: of one that was followed clang believes that it is not, and
 * elsewhere it would put a constant 0 into its place, which is no pointer to subtract from. */
static __always_inline bool is_null(const void *object)
{
    u64 pointer = (u64)object;

    if (!__builtin_constant_p(pointer))
        AS_WRITTEN(pointer);
    return !pointer;
}

/* A pointer as a number, for programs that go on by probing. Two helper calls where typed. */
static __always_inline u64 address_of(const struct run *run, const void *object)
{
    if (!run->typed || (__builtin_constant_p((u64)object) && !object))
        return (u64)object;
    return typed_distance(object) + anchor_address();
}

/* The key of an object that is there, and of one that may not be. */
static __always_inline u64 key_of_some(const struct run *run, const void *object)
{
    return (distance_of(run, object) ^ key_xor) * key_mul;
}

static __always_inline u64 key_of(const struct run *run, const void *object)
{
    return is_null(object) ? 0 : key_of_some(run, object);
}

/* The same of an object that is known by its address. */
static __always_inline u64 key_of_address(const struct run *run, u64 address)
{
    u64 anchor = run->typed ? anchor_address() : run->anchor;

    return ((address - anchor) ^ key_xor) * key_mul;
}

/* A record of so many bytes, its header written; or NULL where there was no room (counted here).
 *
 * The sequence number is taken after the place, and also when there was none, so that every loss
 * leaves a hole. Two programs nested on one CPU may take theirs in the order opposite to their
 * places in the ring; the reader allows for that (see source/loss.hpp). */
static __always_inline void *start_record(struct nst_cpu_stats *mine, u32 kind, u64 bytes)
{
    struct nst_ring *into = the_ring();
    struct nst_header *header;
    u64 at, seq;

    if (!mine || !into)
        return 0;
    bytes += NST_RING_WORD;
    at = place_in_ring(into, bytes);
    seq = __sync_fetch_and_add(&mine->emitted, 1);
    if (at == RING_FULL) {
        __sync_fetch_and_add(&mine->dropped, 1);
        return 0;
    }
    header = begin_in_ring(into, at, bytes);
    header->boot_ns = bpf_ktime_get_boot_ns();
    header->seq = seq;
    header->cpu = bpf_get_smp_processor_id();
    header->kind = kind;
    return header;
}

/* A record with n elements of its tail, NST_MAX_LEVELS at most: a struct nst_NAME *, or NULL. Every
 * byte is the caller's to write. `left_out` is 0, or what without_initial_set() gave: then its `ns`
 * is not in the record, and what is behind that is to be written through BEHIND_SET(). */
#define RESERVE_SHORT(run, name, element, n, left_out)                                             \
    ({                                                                                             \
        NST_ASSERT(sizeof(element) % 8 == 0, "records are aligned");                               \
        NST_ASSERT(NST_RING_WORD + sizeof(struct nst_##name) + sizeof(element) * NST_MAX_LEVELS <= \
                       NST_RING_RECORD_MOST,                                                       \
                   #name);                                                                         \
        (struct nst_##name *)start_record(                                                         \
            (run)->stats, NST_KIND_##name | ((left_out) ? NST_INITIAL_NS : 0),                     \
            sizeof(struct nst_##name) + sizeof(element) * (u64)(n) - (left_out));                  \
    })
#define BEHIND_SET(record, left_out) ((typeof(record))((void *)(record) - (left_out)))

/* The same of an event without a set, or with it. */
#define RESERVE_TAIL(run, name, element, n) RESERVE_SHORT(run, name, element, n, 0)

/* The same without a tail. */
#define RESERVE(run, name) RESERVE_TAIL(run, name, u64, 0)

/* The record is whole. Nobody is woken: the agent drains by timer. A consumer woken by the ring
 * would run into the very window in which the kernel skips fentry programs as recursive. */
#define SUBMIT(record) hand_over(record)

/* Both ways to hook the entry of a kernel function, with one body; arg[] holds its first arguments.
 */
#define ENTRY_HOOK(name, function)                                                \
    static __always_inline void on_##name(const struct run *run, const u64 *arg); \
    SEC("?fentry/" #function)                                                     \
    int name##_fentry(u64 *ctx)                                                   \
    {                                                                             \
        struct nst_cpu_stats *stats = hook_runs(NST_HOOK_##name);                 \
        if (stats) {                                                              \
            struct run run = typed_run(stats);                                    \
            on_##name(&run, ctx);                                                 \
        }                                                                         \
        return 0;                                                                 \
    }                                                                             \
    SEC("?kprobe/" #function)                                                     \
    int name##_kprobe(struct pt_regs *ctx)                                        \
    {                                                                             \
        u64 args[2] = {PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx)};                   \
        struct nst_cpu_stats *stats = hook_runs(NST_HOOK_##name);                 \
        if (stats) {                                                              \
            struct run run = probing_run(stats);                                  \
            on_##name(&run, args);                                                \
        }                                                                         \
        return 0;                                                                 \
    }                                                                             \
    static __always_inline void on_##name(const struct run *run, const u64 *arg)

/* Both ways to hook the return of a kernel function of up to three arguments, with one body: arg[]
 * holds them, result what it returned. fexit sees the arguments; for a kretprobe the entry keeps
 * them, by thread and hook (the functions hooked so do not recurse). */
struct entry_args {
    u64 arg[3];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, u64);
    __type(value, struct entry_args);
} entries __weak SEC(".maps");

static __always_inline u64 entry_key(enum nst_hook hook)
{
    return (u64)hook << 32 | (u32)bpf_get_current_pid_tgid();
}

#define EXIT_HOOK(name, function, count)                                                         \
    static __always_inline void on_##name(const struct run *run, const u64 *arg, u64 result);    \
    SEC("?fexit/" #function)                                                                     \
    int name##_fexit(u64 *ctx)                                                                   \
    {                                                                                            \
        struct nst_cpu_stats *stats = hook_runs(NST_HOOK_##name);                                \
        if (stats) {                                                                             \
            struct run run = typed_run(stats);                                                   \
            on_##name(&run, ctx, ctx[count]);                                                    \
        }                                                                                        \
        return 0;                                                                                \
    }                                                                                            \
    SEC("?kprobe/" #function)                                                                    \
    int name##_kprobe(struct pt_regs *ctx)                                                       \
    {                                                                                            \
        struct entry_args args = {{PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx)}}; \
        u64 key = entry_key(NST_HOOK_##name);                                                    \
        bpf_map_update_elem(&entries, &key, &args, BPF_ANY);                                     \
        return 0;                                                                                \
    }                                                                                            \
    SEC("?kretprobe/" #function)                                                                 \
    int name##_kretprobe(struct pt_regs *ctx)                                                    \
    {                                                                                            \
        u64 key = entry_key(NST_HOOK_##name);                                                    \
        struct entry_args *saved = bpf_map_lookup_elem(&entries, &key);                          \
        struct nst_cpu_stats *stats;                                                             \
        struct entry_args args;                                                                  \
        if (!saved)                                                                              \
            return 0;                                                                            \
        args = *saved;                                                                           \
        bpf_map_delete_elem(&entries, &key);                                                     \
        stats = hook_runs(NST_HOOK_##name);                                                      \
        if (stats) {                                                                             \
            struct run run = probing_run(stats);                                                 \
            on_##name(&run, args.arg, PT_REGS_RC(ctx));                                          \
        }                                                                                        \
        return 0;                                                                                \
    }                                                                                            \
    static __always_inline void on_##name(const struct run *run, const u64 *arg, u64 result)

/* A tracepoint with BTF; arg[] holds its first arguments. */
#define TRACEPOINT_HOOK(name)                                                     \
    static __always_inline void on_##name(const struct run *run, const u64 *arg); \
    SEC("?tp_btf/" #name)                                                         \
    int name##_tp(u64 *ctx)                                                       \
    {                                                                             \
        struct nst_cpu_stats *stats = hook_runs(NST_HOOK_##name);                 \
        if (stats) {                                                              \
            struct run run = typed_run(stats);                                    \
            on_##name(&run, ctx);                                                 \
        }                                                                         \
        return 0;                                                                 \
    }                                                                             \
    static __always_inline void on_##name(const struct run *run, const u64 *arg)

/* Defined in facts.bpf.c; global functions, which the verifier checks once each, and therefore
 * takes numbers only. Emit a namespace event for each namespace of `task` (a task_struct) or of
 * `nsproxy` that `other`, another nsproxy, does not have; round is that of the snapshot, 0 for live
 * events. */
extern int emit_facts_of_task(u64 task, u64 other, u32 round);
extern int emit_facts_of_nsproxy(u64 nsproxy, u64 other, u32 round);
extern int emit_user_facts(u64 ns, u32 round);
/* The same for one namespace, given by its ns_common and enum nst_ns_type. */
extern int emit_facts_of_ns(u64 common, u32 type, u32 round);
/* Defined in cgroups.bpf.c: a task's cgroup and its ancestors, as far as this snapshot has not told
 * them. */
extern int emit_cgroups_of_task(u64 task, u32 round);

#endif
