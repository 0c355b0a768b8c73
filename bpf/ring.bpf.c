// SPDX-License-Identifier: GPL-2.0-only
/* What is seldom needed of the ring. Global functions: the verifier follows each once for a program
 * and not once for a record, but a loop turn by turn. Hence a function for some tries, and one for
 * some of these. */
#include "lib/ring.bpf.h"

/* No position, as RING_FULL is none: others were faster each time. */
#define RING_BUSY (RING_FULL - 1)

__noinline u64 place_in_some_tries(u64 bytes)
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
    return RING_BUSY;
}

__noinline u64 place_among_others(u64 bytes)
{
    for (int i = 0; i < RING_TRIES; i++) {
        u64 at = place_in_some_tries(bytes);

        if (at != RING_BUSY)
            return at;
    }
    return RING_FULL;
}

char LICENSE[] SEC("license") = "GPL";
