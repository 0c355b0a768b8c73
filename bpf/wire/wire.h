/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The records in the ring buffer, made from events.def, for clang's BPF target and for C++ alike.
 * Little or big endian as the machine; 8-byte aligned in the ring; no padding anywhere.
 */
#ifndef NSTRAIL_WIRE_H
#define NSTRAIL_WIRE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define NST_ASSERT(condition, text) static_assert(condition, text)
#else
#define NST_ASSERT(condition, text) _Static_assert(condition, text)
#endif

typedef __u8 nst_u8;
typedef __u16 nst_u16;
typedef __u32 nst_u32;
typedef __u64 nst_u64;
typedef __s32 nst_s32;

/* Depth of pid namespaces: levels 0 to 32 (kernel MAX_PID_NS_LEVEL). */
#define NST_MAX_LEVELS 33

/* The ring: one value of a map that both sides have in memory. Positions count bytes since it was
 * made. A record lies at its position modulo the room there is, a power of two, in one piece: one
 * that begins short of the end goes on beyond it, where there is room for the longest.
 *
 * Each begins with a word: the position of the next one, exclusive or secret; until the record is
 * whole, the complement of that. Whatever was at that place before, in an earlier turn of the ring,
 * makes no position a little beyond this one: not the word of another record, as that told an
 * earlier position, and not what is in a record, as nobody who could choose that knows the secret;
 * zeros do not, as its top bit is set. So nobody needs to clear what was read. */
struct nst_ring {
    nst_u64 produced; /* the position of the next record */
    nst_u64 apart[7]; /* who writes does not take from who reads the line of its cache */
    nst_u64 consumed; /* from where on records are not to be overwritten */
    nst_u64 secret;
};
#define NST_RING_DATA 4096        /* from where on records lie; struct nst_ring is before */
#define NST_RING_WORD 8           /* bytes of the word */
#define NST_RING_RECORD_MOST 4096 /* bytes of the longest record, its word among them */

/* In the ring only, added to a record's kind: the event's member `ns` is left out, and what is
 * behind it follows what is before it. It is the initial set, that of most tasks of a host, which
 * the programs keep once a snapshot has met it (initial_sets in lib/task.bpf.h). What a record
 * takes is for the most part its bytes: the cache of who reads the ring had their lines last. */
#define NST_INITIAL_NS 0x8000

struct nst_header {
    nst_u16 kind;    /* enum nst_kind; first, as recordings need it ahead of all else */
    nst_u16 cpu;     /* the CPU that wrote it */
    nst_u32 seq;     /* counts what this CPU tried to write, lost records included, modulo 2^32 */
    nst_u64 boot_ns; /* CLOCK_BOOTTIME, for people; order is the order in the ring */
};
NST_ASSERT(sizeof(struct nst_header) == 16, "nst_header has padding");

/* clang-format off: these are lists, not code */
#define ENUM(name, help) \
    enum nst_##name      \
    {
#define VALUE(enumeration, name, number, help) NST_##enumeration##_##name = number,
#define END_ENUM(name) \
    NST_##name##_end   \
    }                  \
    ;
#include "events.def"

enum nst_kind {
#define EVENT(name, number, help) NST_KIND_##name = number,
#include "events.def"
    NST_KIND_end
};

/* A composite first, so that events can hold it. */
#define STRUCT(name, help) struct nst_##name {
#define END_STRUCT(name) \
    }                    \
    ;
#define EVENT(name, number, help) \
    struct nst_##name {           \
        struct nst_header header;
#define FIELD(type, name, format, help) NST_TYPE_##type name;
#define TEXT(name, bytes, help) char name[bytes];
#define END_EVENT(name) \
    }                   \
    ;
#define NST_TYPE_u32 nst_u32
#define NST_TYPE_u64 nst_u64
#define NST_TYPE_s32 nst_s32
#define NST_TYPE_task_ref struct nst_task_ref
#define NST_TYPE_ns_set struct nst_ns_set
#include "events.def"

/* No padding: a struct is as large as the sum of its members. */
#define STRUCT(name, help) enum { NST_SIZE_##name = 0
#define END_STRUCT(name) \
    }                    \
    ;
#define EVENT(name, number, help) enum { NST_SIZE_##name = sizeof(struct nst_header)
#define FIELD(type, name, format, help) +sizeof(NST_TYPE_##type)
#define TEXT(name, bytes, help) +(bytes)
#define END_EVENT(name) \
    }                   \
    ;
#include "events.def"
#define END_STRUCT(name) \
    NST_ASSERT(sizeof(struct nst_##name) == NST_SIZE_##name, "nst_" #name " has padding");
#define END_EVENT(name) END_STRUCT(name)
#include "events.def"

enum nst_hook {
#define HOOK(number, name, point, target, help, without) NST_HOOK_##name = number,
#include "hooks.def"
    NST_HOOK_end
};

/* clang-format on */

/* One per CPU, in the map `stats`. What is counted only ever grows. */
struct nst_cpu_stats {
    nst_u64 emitted; /* records this CPU tried to write (its low 32 bits are header.seq) */
    nst_u64 dropped; /* of these, how many found no room in the ring */
    nst_u64 hits[NST_HOOK_end]; /* how often each hook ran, whether or not it wrote a record */
    nst_u64 last_released;      /* the programs' own: see release_task */
    nst_u64 last_exited;        /* the programs' own: see exit_namespaces */
};

#endif
