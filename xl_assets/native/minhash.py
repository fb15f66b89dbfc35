"""n-grams of words, their MinHash bands, and how similar two texts' n-grams are.

MinHash after Broder 1997, the permutations as multiply-add modulo 2^32 on the hash's upper half (Dietzfelbinger et
al. 1997): one pass over a text's n-grams keeps the least value of each, in a loop that compilers turn into vector
instructions. 32 bits suffice: two texts of a million n-grams each share a least value by chance once in 4,000.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, MARK, NUMBER, characters, decode
from xl_assets.native.columns import Utf8
from xl_assets.native.words import Words

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_LAST_MIX = np.uint64(0xC4CEB9FE1A85EC53)
_LARGEST = np.uint32(0xFFFFFFFF)
_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


class Shingles(NamedTuple):
    """n-grams of a batch of texts; text i has ``hash[offsets[i]:offsets[i + 1]]``.

    Attributes:
        hash: uint64, equal for equal n-grams of any text.
        offsets: int64, one more than there are texts.
    """

    hash: NDArray[np.uint64]
    offsets: NDArray[np.int64]


def shingles(words: Words, size: int) -> Shingles:
    """Return the n-grams of `size` words; words without letters, marks or digits are passed over."""
    hashes = np.empty(len(words.term), dtype=np.uint64)
    offsets = np.zeros(len(words.offsets), dtype=np.int64)
    _shingle(words.term, words.offsets, size, hashes, offsets)
    return Shingles(hashes[: offsets[-1]], offsets)


def unique_shingles(words: Words, size: int) -> Shingles:
    """Return each text's n-grams ascending and once, as `jaccard` wants them."""
    every = shingles(words, size)
    offsets = np.zeros_like(every.offsets)
    _unique(every.hash, every.offsets, offsets)
    return Shingles(every.hash[: offsets[-1]], offsets)


def jaccard(sets: Shingles, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of common n-grams among all n-grams of each pair of texts; 0 where both have none.

    Args:
        sets: what `unique_shingles` made.
        pairs: of shape (n, 2), positions of texts.
    """
    similarity = np.zeros(len(pairs), dtype=np.float64)
    _jaccard(sets.hash, sets.offsets, pairs, similarity)
    return similarity


def band_keys(sets: Shingles, bands: int, rows: int, seed: int, salt: int = 0) -> NDArray[np.uint64]:
    """Return the band keys of each text's MinHash sketch, of shape (texts, bands).

    Two texts of Jaccard similarity s have an equal key in a band with probability s^rows. A text without
    n-grams has the key 0, which no other text has.

    Args:
        sets: n-grams; repeated ones change nothing.
        bands: bands of the sketch.
        rows: least values in a band.
        seed: of the permutations.
        salt: keys of different salts differ.
    """
    factors, shifts = (_numbers(seed, 2 * bands * rows) >> np.uint64(32)).astype(np.uint32).reshape(2, -1)
    keys = np.zeros((len(sets.offsets) - 1, bands), dtype=np.uint64)
    _sketch(sets.hash, sets.offsets, factors | np.uint32(1), shifts, rows, np.uint64(salt), keys)
    return keys


def letter_keys(texts: Utf8, salt: int = 0, numbers: bool = True) -> NDArray[np.uint64]:
    """Return a key of each text that differs neither by case nor by punctuation, symbols or white space.

    Texts without letters, marks or digits have the key 0. Keys are 64 bits: among 100 million different texts
    the odds that any two share one are about 1 in 3,700.

    Args:
        texts: the column.
        salt: keys of different salts differ.
        numbers: whether texts differ that differ in their digits only.
    """
    tables = characters()
    keys = np.zeros(len(texts.offsets) - 1, dtype=np.uint64)
    _letters(texts.data, texts.offsets, tables.classes, tables.lower, np.uint64(salt), numbers, keys)
    return keys


def _numbers(seed: int, count: int) -> NDArray[np.uint64]:
    """Random numbers by SplitMix64 (Steele et al. 2014): NumPy may change its own streams between versions."""
    states = np.arange(1, count + 1, dtype=np.uint64) * _FACTOR + np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        states = (states ^ (states >> np.uint64(shift))) * np.uint64(factor)
    return states ^ (states >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _finished(value):
    value ^= value >> np.uint64(33)
    value *= _MIX
    value ^= value >> np.uint64(29)
    value *= _LAST_MIX
    return value ^ (value >> np.uint64(32))


@njit(cache=True, nogil=True)
def _shingle(terms, bounds, size, hashes, offsets):
    highest = np.uint64(1)
    for _ in range(size - 1):
        highest *= _FACTOR
    count = 0
    for text in range(len(bounds) - 1):
        # The text's terms are gathered where its n-grams will stand; one that was passed is written over.
        end = count
        for word in range(bounds[text], bounds[text + 1]):
            if terms[word] != 0:
                hashes[end] = terms[word]
                end += 1
        value = np.uint64(0)
        for place in range(count, min(count + size - 1, end)):
            value = value * _FACTOR + hashes[place]
        for place in range(count, end - size + 1):
            value = value * _FACTOR + hashes[place + size - 1]
            passed = hashes[place] * highest
            hashes[place] = _finished(value)
            value -= passed
        count = max(count, end - size + 1)
        offsets[text + 1] = count


@njit(cache=True, nogil=True)
def _unique(hashes, bounds, offsets):
    count = 0
    for text in range(len(bounds) - 1):
        # Written over the front of the same array: what was read is never needed again.
        ascending = np.sort(hashes[bounds[text] : bounds[text + 1]])
        for place in range(len(ascending)):
            if place == 0 or ascending[place] != ascending[place - 1]:
                hashes[count] = ascending[place]
                count += 1
        offsets[text + 1] = count


@njit(cache=True, nogil=True)
def _jaccard(hashes, offsets, pairs, similarity):
    for pair in range(len(pairs)):
        left, left_end = offsets[pairs[pair, 0]], offsets[pairs[pair, 0] + 1]
        right, right_end = offsets[pairs[pair, 1]], offsets[pairs[pair, 1] + 1]
        every = left_end - left + right_end - right
        common = 0
        while left < left_end and right < right_end:
            if hashes[left] == hashes[right]:
                common += 1
                left += 1
                right += 1
            elif hashes[left] < hashes[right]:
                left += 1
            else:
                right += 1
        if every:
            similarity[pair] = common / (every - common)


@njit(cache=True, nogil=True)
def _sketch(hashes, offsets, factors, shifts, rows, salt, keys):
    least = np.empty(len(factors), dtype=np.uint32)
    for text in range(len(offsets) - 1):
        if offsets[text] == offsets[text + 1]:
            continue
        least[:] = _LARGEST
        for place in range(offsets[text], offsets[text + 1]):
            value = np.uint32(hashes[place] >> np.uint64(32))
            for which in range(len(factors)):
                permuted = np.uint32(value * factors[which] + shifts[which])
                least[which] = min(least[which], permuted)
        for band in range(keys.shape[1]):
            key = _finished(salt + np.uint64(band))
            for row in range(rows):
                key = _finished(key * _FACTOR ^ np.uint64(least[band * rows + row]))
            keys[text, band] = max(key, np.uint64(1))


@njit(cache=True, nogil=True)
def _letters(data, bounds, classes, lower, salt, numbers, keys):
    for text in range(len(bounds) - 1):
        at, key, named = bounds[text], _finished(_START ^ salt), False
        while at < bounds[text + 1]:
            point, at = decode(data, at)
            if classes[point] & (LETTER | MARK | NUMBER):
                same = lower[point] if numbers or not classes[point] & NUMBER else 0
                key = (key ^ np.uint64(same)) * _PRIME
                # FNV multiplies upwards only; without this, high bits would never reach the low ones.
                key ^= key >> np.uint64(32)
                named = True
        if named:
            keys[text] = max(_finished(key), np.uint64(1))
