/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring that programs write and the agent reads: struct nst_ring in wire/wire.h says how it is
 * laid out, userspace/source/ring.hpp how it is read.
 *
 * Not BPF_MAP_TYPE_RINGBUF: that takes a lock for a place and one more locked instruction to hand a
 * record over, and either waits until all that was stored before has reached the cache, the record
 * itself for one. Here a place is one exchange, and a plain store hands the record over.
 */
#ifndef NSTRAIL_RING_BPF_H
#define NSTRAIL_RING_BPF_H

/* clang-format off */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "wire/wire.h"
/* clang-format on */

/* The room for records, less one: a power of two, so that this is a mask. The agent sets it before
 * loading, as it does the size of the map. */
const volatile __u64 ring_mask __weak = (8 << 20) - 1;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(u32));
    __uint(value_size, NST_RING_DATA + (8 << 20) + NST_RING_RECORD_MOST);
} ring __weak SEC(".maps");

/* Where nobody else was in between a place is had at the first try. Of many CPUs that want one at
 * the same moment one gets it with each try, so a hundred of them take some hundreds. So often as
 * this times itself is tried. */
#define RING_TRIES 32
#define RING_FULL (~0ULL)

static __always_inline struct nst_ring *the_ring(void)
{
    u32 zero = 0;
    return bpf_map_lookup_elem(&ring, &zero);
}

/* Up to where the reader has read. To be read before produced, so that it is never beyond that. */
static __always_inline u64 ring_consumed(struct nst_ring *from)
{
    return *(volatile u64 *)&from->consumed;
}

static __always_inline u64 ring_produced(struct nst_ring *from)
{
    return *(volatile u64 *)&from->produced;
}

static __always_inline bool has_room(u64 at, u64 bytes, u64 consumed)
{
    return at + bytes - consumed <= ring_mask + 1;
}

/* Defined in ring.bpf.c: the same as place_in_ring() where another CPU, or a program that
 * interrupted this one, was faster. RING_FULL if there is no room, or if others were faster time
 * and again. */
extern u64 place_among_others(u64 bytes);

/* A place of so many bytes, NST_RING_WORD among them and at most NST_RING_RECORD_MOST: as a
 * position, or RING_FULL. The order of places is the order of records. */
static __always_inline u64 place_in_ring(struct nst_ring *into, u64 bytes)
{
    u64 consumed = ring_consumed(into);
    u64 at = ring_produced(into);

    if (!has_room(at, bytes, consumed))
        return RING_FULL;
    if (__sync_val_compare_and_swap(&into->produced, at, at + bytes) != at)
        return place_among_others(bytes);
    return at;
}

/* Begins a record in its place, which is not zeroed: what stood there is taken for none by the
 * reader until the record is handed over. No locked instruction after this: it would wait until
 * these lines, which a reader on another CPU had last, are back. */
static __always_inline void *begin_in_ring(struct nst_ring *into, u64 at, u64 bytes)
{
    u64 *word = (void *)into + NST_RING_DATA + (at & ring_mask);

    *word = ~((at + bytes) ^ into->secret);
    return word + 1;
}

/* Hands it to the reader. All that was written into it must be seen before: a processor of the x86
 * family stores in program order. */
static __always_inline void hand_over(void *record)
{
    u64 *word = (u64 *)record - 1;
    u64 whole = ~*word;

#ifdef __TARGET_ARCH_x86
    asm volatile("" ::: "memory");
    *(volatile u64 *)word = whole;
#else
    __sync_lock_test_and_set(word, whole);
#endif
}

#endif
