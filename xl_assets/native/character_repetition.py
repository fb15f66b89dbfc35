"""How much of texts is character n-grams, or word n-grams, that occur often: ROOTS' two repetition ratios."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import decode
from xl_assets.native.columns import Utf8
from xl_assets.native.seen import find_slot, slots_for

_BASE = np.uint64(0x9E3779B97F4A7C15)


def character_repetition(texts: Utf8, n: int) -> NDArray[np.float64]:
    """Return the share of the n-grams of code points that are among the most frequent ones of each text.

    The most frequent ones are those that occur twice or more, but at most the square root of the number of
    different ones. NaN in texts shorter than n.
    """
    shares = np.empty(len(texts.offsets) - 1, dtype=np.float64)
    _of_characters(texts.data, texts.offsets, n, shares)
    return shares


def word_repetition(offsets: NDArray[np.int64], terms: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
    """Return the share of the n-grams of terms that occur twice or more in their text.

    Args:
        offsets: text i has terms ``offsets[i]`` to ``offsets[i + 1]``.
        terms: their hashes.
        n: terms in a row. A text of fewer has NaN.
    """
    shares = np.empty(len(offsets) - 1, dtype=np.float64)
    _of_words(offsets, terms, n, shares)
    return shares


@njit(cache=True, nogil=True)
def _of_characters(data, bounds, n, shares):
    most = 0
    for text in range(len(bounds) - 1):
        most = max(most, bounds[text + 1] - bounds[text])
    slots = slots_for(most)
    keys, rounds = np.empty(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    count = np.empty(slots, dtype=np.int64)
    used = np.empty(most, dtype=np.int64)
    window = np.zeros(n, dtype=np.uint64)
    leaving = np.uint64(1)
    for _ in range(n):
        leaving *= _BASE
    for text in range(len(bounds) - 1):
        mask = slots_for(bounds[text + 1] - bounds[text]) - 1
        at, read, gram, different = bounds[text], 0, np.uint64(0), 0
        window[:] = 0
        while at < bounds[text + 1]:
            point, at = decode(data, at)
            value = np.uint64(point) + np.uint64(1)
            gram = gram * _BASE + value - window[read % n] * leaving
            window[read % n] = value
            read += 1
            if read < n:
                continue
            slot, there = find_slot(keys, rounds, mask, gram, text + 1)
            if not there:
                count[slot] = 0
                used[different] = slot
                different += 1
            count[slot] += 1
        shares[text] = _frequent(count, used[:different], read - n + 1)


@njit(cache=True, nogil=True)
def _frequent(count, used, total):
    if total <= 0:
        return np.nan
    repeated = 0
    for slot in used:
        repeated += count[slot] > 1
    times = np.empty(repeated, dtype=np.int64)
    place = 0
    for slot in used:
        if count[slot] > 1:
            times[place] = count[slot]
            place += 1
    times.sort()
    at_most = min(int(np.sqrt(len(used))), repeated)
    return times[repeated - at_most :].sum() / total


@njit(cache=True, nogil=True)
def _of_words(offsets, terms, n, shares):
    most = 0
    for text in range(len(offsets) - 1):
        most = max(most, offsets[text + 1] - offsets[text])
    slots = slots_for(most)
    keys, rounds = np.empty(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    first = np.empty(slots, dtype=np.bool_)
    for text in range(len(offsets) - 1):
        begin, tokens = offsets[text], offsets[text + 1] - offsets[text]
        mask = slots_for(tokens) - 1
        total, repeated = tokens - n + 1, 0
        for token in range(begin, begin + max(total, 0)):
            gram = np.uint64(0)
            for position in range(token, token + n):
                gram = gram * _BASE + terms[position]
            slot, there = find_slot(keys, rounds, mask, gram, text + 1)
            if not there:
                first[slot] = True
            else:
                # The first occurrence counts too, once it is known to be repeated.
                repeated += 1 + first[slot]
                first[slot] = False
        shares[text] = repeated / total if total > 0 else np.nan
