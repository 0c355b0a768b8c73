/* SPDX-License-Identifier: GPL-2.0-only */
/* What a snapshot has told already. */
#ifndef NSTRAIL_TOLD_BPF_H
#define NSTRAIL_TOLD_BPF_H

#include "lib/emit.bpf.h"

/* Number of the last snapshot; set by the agent before it reads the iterator. */
volatile __u32 snapshot_round __weak = 0;

/* By address: namespaces, cgroups and, with all that they refer to, nsproxies. A full map only
 * means repeats. An nsproxy that comes into the memory of another meanwhile is not told again: nor
 * need it be, since live events tell what is new, or the next snapshot where they cannot. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 262144);
    __type(key, u64);
    __type(value, u32);
} told __weak SEC(".maps");

/* The latest of them, ahead of the map: most tasks share most of what they refer to. Object and
 * round in one word, which cannot be torn; the factor is odd, so no two objects that lie in a
 * kernel's memory come close enough to be mistaken for another round's. */
__u64 lately[1024] __weak = {};
#define SPREAD(object) ((object) * 0x9E3779B97F4A7C15)
#define PLACE(spread) ((spread) >> 54)

/* This snapshot has told the object, or there is none. It may have where this says no. */
static __always_inline bool told_lately(u64 object, u32 round)
{
    u64 spread = SPREAD(object);

    return !object || lately[PLACE(spread)] == spread + round;
}

/* Whether this snapshot has told the object; from now on it has. Live events (round 0) always tell.
 */
static __always_inline bool told_before(u64 object, u32 round)
{
    u64 spread = SPREAD(object);
    u32 *last;

    if (!round)
        return false;
    if (told_lately(object, round))
        return true;
    lately[PLACE(spread)] = spread + round;
    last = bpf_map_lookup_elem(&told, &object);
    if (last && *last == round)
        return true;
    bpf_map_update_elem(&told, &object, &round, BPF_ANY);
    return false;
}

#endif
