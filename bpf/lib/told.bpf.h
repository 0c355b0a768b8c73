/* SPDX-License-Identifier: GPL-2.0-only */
/* What a snapshot has told already. */
#ifndef NSTRAIL_TOLD_BPF_H
#define NSTRAIL_TOLD_BPF_H

#include "lib/emit.bpf.h"

/* Number of the last snapshot; set by the agent before it reads the iterator. */
volatile __u32 snapshot_round __weak = 0;

/* By address: namespaces and cgroups. A full map only means repeats. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 262144);
    __type(key, u64);
    __type(value, u32);
} told __weak SEC(".maps");

/* Whether this snapshot has told the object; from now on it has. Live events (round 0) always tell.
 */
static __always_inline bool told_before(u64 object, u32 round)
{
    u32 *last;

    if (!round)
        return false;
    last = bpf_map_lookup_elem(&told, &object);
    if (last && *last == round)
        return true;
    bpf_map_update_elem(&told, &object, &round, BPF_ANY);
    return false;
}

#endif
