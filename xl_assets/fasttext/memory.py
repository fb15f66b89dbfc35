"""The cache of tokens: for each the sum of its rows, found by its bytes, in bounded memory."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.prefetch import prefetch

#: Longer tokens are not kept: they hardly repeat (in a script without spaces a token is a whole clause).
_KEY_BYTES = 32

#: Slots that a token may be kept in.
_WAYS = 4

#: The head of a slot: length of the token, its rows, how it counts, and whether it was met again since it was
#: last passed over. Then come its bytes and its sum.
_LENGTH, ROWS, KIND, _AGAIN = range(4)
_HEAD = 8
_KEY = 4 * _HEAD
SUM = _HEAD + _KEY_BYTES // 4

#: Slots begin at a multiple of so many bytes, so that one is fetched with as few accesses to memory as possible.
_ALIGNED = 128


class Memory(NamedTuple):
    """The cache of tokens: sets of slots, in which a token that was not met again makes room first.

    Attributes:
        tags: uint32, per slot a part of the hash that is never 0; 0 where the slot is free.
        heads, keys, sums: the slots' memory, a row each, as uint32, uint8 and float32.
        hands: uint8, per set the slot that is asked first to make room.
    """

    tags: NDArray[np.uint32]
    heads: NDArray[np.uint32]
    keys: NDArray[np.uint8]
    sums: NDArray[np.float32]
    hands: NDArray[np.uint8]


def new_memory(dim: int, size: int) -> Memory:
    """Return an empty cache of at most `size` bytes, but of 1,024 slots at least."""
    row = 4 * (SUM + dim)
    slots = 1 << max(10, (size // (row + 5)).bit_length() - 1)
    raw = np.zeros(slots * row + _ALIGNED, dtype=np.uint8)
    begin = -raw.ctypes.data % _ALIGNED
    heads = raw[begin : begin + slots * row].view(np.uint32).reshape(slots, -1)
    return Memory(
        np.zeros(slots, dtype=np.uint32),
        heads,
        heads.view(np.uint8),
        heads.view(np.float32),
        np.zeros(slots // _WAYS, dtype=np.uint8),
    )


@njit(cache=True, nogil=True)
def fetch(longs, count, tags, heads, hands):
    """Fetch the slots that the tokens may be in: most lie in slow memory, and can be waited for together."""
    width = heads.shape[1]
    for token in range(count):
        first, tag = first_slot(longs[token], tags), _tag(longs[token])
        # One that is not there will be kept where the hand points.
        there = first + np.int64(hands[first // _WAYS])
        for slot in range(first, first + _WAYS):
            if tags[slot] == tag:
                there = slot
        prefetch(heads, there * width)
        prefetch(heads, there * width + SUM)


@njit(cache=True, nogil=True)
def first_slot(long, tags):
    return np.int64(long & np.uint64(len(tags) // _WAYS - 1)) * _WAYS


@njit(cache=True, nogil=True)
def _tag(long):
    return np.uint32((long >> np.uint64(32)) | np.uint64(1))


@njit(cache=True, nogil=True)
def kept(data, start, end, long, tags, heads, keys):
    """The slot of a token, or -1."""
    length = end - start
    if length > _KEY_BYTES:
        return np.int64(-1)
    first, tag = first_slot(long, tags), _tag(long)
    for slot in range(first, first + _WAYS):
        if tags[slot] == tag and heads[slot, _LENGTH] == length:
            difference = np.uint8(0)
            for position in range(length):
                difference |= keys[slot, _KEY + position] ^ data[start + position]
            if not difference:
                if not heads[slot, _AGAIN]:
                    heads[slot, _AGAIN] = 1
                return np.int64(slot)
    return np.int64(-1)


@njit(cache=True, nogil=True)
def keep(data, start, end, long, memory, total, rows, kind):
    """Put a token into its set, in the place of one that was not met again."""
    length = end - start
    if length > _KEY_BYTES:
        return
    tags, heads, keys, sums, hands = memory
    group = first_slot(long, tags) // _WAYS
    slot = group * _WAYS + hands[group]
    while tags[slot] and heads[slot, _AGAIN]:
        heads[slot, _AGAIN] = 0
        hands[group] = (hands[group] + 1) % _WAYS
        slot = group * _WAYS + hands[group]
    hands[group] = (hands[group] + 1) % _WAYS
    tags[slot] = _tag(long)
    heads[slot, _LENGTH] = length
    heads[slot, ROWS] = rows
    heads[slot, KIND] = kind
    heads[slot, _AGAIN] = 0
    for position in range(length):
        keys[slot, _KEY + position] = data[start + position]
    for column in range(len(total)):
        sums[slot, SUM + column] = total[column]
