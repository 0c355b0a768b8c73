// SPDX-License-Identifier: GPL-2.0-only
/* What is seldom needed of the ring. A global function: the verifier checks it once. */
#include "lib/ring.bpf.h"

__noinline u64 place_among_others(u64 bytes)
{
    struct nst_ring *into = the_ring();
    u64 consumed, at, was;

    if (!into)
        return RING_FULL;
    consumed = ring_consumed(into);
    at = ring_produced(into);
    for (int i = 0; i < RING_TRIES; i++) {
        if (!has_room(at, bytes, consumed))
            return RING_FULL;
        was = __sync_val_compare_and_swap(&into->produced, at, at + bytes);
        if (was == at)
            return at;
        at = was;
    }
    return RING_FULL;
}

char LICENSE[] SEC("license") = "GPL";
