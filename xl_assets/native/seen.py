"""A set of 64-bit hashes in two arrays that is emptied by counting a round on; for compiled loops.

Round 0 is never used, so that fresh arrays of zeros are empty.
"""

import numpy as np
from numba import njit

_MIX = np.uint64(0xFF51AFD7ED558CCD)


@njit(cache=True, nogil=True)
def slots_for(items):
    """Return a power of two that leaves at least half of the slots free."""
    slots = 8
    while slots < 2 * items:
        slots *= 2
    return slots


@njit(cache=True, nogil=True, inline="always")
def _home(key, mask):
    mixed = key * _MIX
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(mask))


@njit(cache=True, nogil=True, inline="always")
def find_slot(keys, rounds, mask, key, this):
    """Return (slot of a key, whether it was there); a new one is there from now on.

    Args:
        keys, rounds: of length `mask` + 1 at least, a power of two with more slots than keys.
        mask: slots in use, less one.
        key: any hash.
        this: the round; what earlier ones left counts as free.
    """
    slot = _home(key, mask)
    while rounds[slot] == this:
        if keys[slot] == key:
            return slot, True
        slot = (slot + 1) & mask
    rounds[slot], keys[slot] = this, key
    return slot, False


@njit(cache=True, nogil=True, inline="always")
def slot_of(keys, rounds, mask, key, this):
    """Return the slot of a key, or -1 where it is not there."""
    slot = _home(key, mask)
    while rounds[slot] == this:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & mask
    return np.int64(-1)
