"""Which stretches of words of an index occur in texts, and where: one pass over the bytes, whatever the language.

A term is what `filters.words.TERM` says: a run of letters, marks and digits, or one character of a script without
spaces. It needs no segmenter, so a stretch is the same wherever it stands. The key of n terms is a polynomial of their
hashes, which a running sum gives for every n at once (Karp and Rabin 1987, doi:10.1147/rd.312.0249).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, MARK, NUMBER, characters, decode
from xl_assets.native.columns import Utf8

JOINED, ALONE = 1, 2

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_JOINERS = (0x200C, 0x200D)
_LAST = 0x32400

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


class Alphabet(NamedTuple):
    """Tables by code point.

    Attributes:
        kinds: uint8; JOINED where a character is part of a longer term, ALONE where it is one, else 0.
        small: int32, the small letter, the same for all forms of one.
    """

    kinds: NDArray[np.uint8]
    small: NDArray[np.int32]


class Terms(NamedTuple):
    """The terms of a column; text i has ``offsets[i]`` to ``offsets[i + 1]``."""

    offsets: NDArray[np.int64]
    hash: NDArray[np.uint64]


class Stretches(NamedTuple):
    """An index of stretches of terms.

    Attributes:
        sizes: int64, the lengths that occur, in terms.
        powers: uint64, by which the running sum before a stretch of that length is multiplied.
        keys: uint64, open-addressing table, 0 where empty; its length is a power of two.
        ids: int32, of the stretch in each place of the table.
    """

    sizes: NDArray[np.int64]
    powers: NDArray[np.uint64]
    keys: NDArray[np.uint64]
    ids: NDArray[np.int32]


@cache
def alphabet() -> Alphabet:
    """Return the tables; scripts are those of Polars' regular expressions."""
    tables = characters()
    kinds = np.zeros(0x110000, dtype=np.uint8)
    kinds[(tables.classes & (LETTER | MARK | NUMBER)) != 0] = JOINED
    kinds[list(_JOINERS)] = JOINED
    points = [point for point in range(_LAST) if not 0xD800 <= point < 0xE000]
    unspaced = pl.Series([chr(point) for point in points]).str.contains(_UNSPACED).to_numpy()
    kinds[np.array(points)[unspaced]] = ALONE
    small = tables.lower.copy()
    # What has no single small letter in Unicode's table, or two: the Turkish capital with a dot, the Greek end of word.
    small[0x130], small[0x3C2] = ord("i"), 0x3C3
    return Alphabet(kinds, small)


def split_terms(texts: Utf8) -> Terms:
    """Return the hashes of all terms of a column."""
    kinds, small = alphabet()
    offsets = np.zeros(len(texts.offsets), dtype=np.int64)
    _count_terms(texts.data, texts.offsets, kinds, small, offsets)
    hashes = np.empty(offsets[-1], dtype=np.uint64)
    _fill_terms(texts.data, texts.offsets, kinds, small, hashes)
    return Terms(offsets, hashes)


def stretch_keys(hashes: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """Keys of the stretches of a size that begin at each term, as the running sum gives them."""
    count = max(len(hashes) - size + 1, 0)
    key = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        key = key * _FACTOR + hashes[place : place + count]
    return _finished(key, size)


def index_stretches(keys: NDArray[np.uint64], sizes: NDArray[np.int64]) -> Stretches:
    """Index stretches by their keys (each once); a stretch's id is its place in `keys`.

    Args:
        keys: as `stretch_keys` gives them.
        sizes: the lengths that occur among them.
    """
    bits = max(int(4 * len(keys) + 1).bit_length(), 4)
    table, ids = np.zeros(1 << bits, dtype=np.uint64), np.full(1 << bits, -1, dtype=np.int32)
    _fill_table(keys, table, ids)
    lengths = np.unique(sizes).astype(np.int64)
    powers = np.array([pow(int(_FACTOR), int(size), 1 << 64) for size in lengths], dtype=np.uint64)
    return Stretches(lengths, powers, table, ids)


def _finished(key: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    mixed = (key ^ np.uint64(size)) * _MIX
    mixed ^= mixed >> np.uint64(32)
    return np.maximum(mixed, np.uint64(1))


@njit(cache=True, nogil=True, inline="always")
def finished(key, size):
    """Scalar twin of what `stretch_keys` does last."""
    mixed = (key ^ np.uint64(size)) * _MIX
    mixed ^= mixed >> np.uint64(32)
    return max(mixed, np.uint64(1))


@njit(cache=True, nogil=True, inline="always")
def look_up(key, keys, ids):
    """Id of a stretch, -1 where it is not in the index."""
    mask = len(keys) - 1
    place = np.int64(key & np.uint64(mask))
    while keys[place] != 0:
        if keys[place] == key:
            return ids[place]
        place = (place + 1) & mask
    return np.int32(-1)


@njit(cache=True, nogil=True)
def next_term(data, at, end, kinds, small):
    """Return (hash, first byte, byte after) of the next term; hash 0 where there is none."""
    start, value = at, _START
    kind = np.uint8(0)
    while at < end and kind == 0:
        start = at
        point, at = decode(data, at)
        kind = kinds[point]
        value = (_START ^ np.uint64(small[point])) * _PRIME
    if kind == 0:
        return np.uint64(0), start, at
    while kind == JOINED and at < end:
        point, following = decode(data, at)
        if kinds[point] != JOINED:
            break
        value = (value ^ np.uint64(small[point])) * _PRIME
        at = following
    value ^= value >> np.uint64(33)
    value *= _MIX
    value ^= value >> np.uint64(29)
    return max(value, np.uint64(1)), start, at


@njit(cache=True, nogil=True)
def _count_terms(data, bounds, kinds, small, offsets):
    total = 0
    for text in range(len(bounds) - 1):
        at, end = bounds[text], bounds[text + 1]
        while True:
            value, _, at = next_term(data, at, end, kinds, small)
            if value == 0:
                break
            total += 1
        offsets[text + 1] = total


@njit(cache=True, nogil=True)
def _fill_terms(data, bounds, kinds, small, hashes):
    term = 0
    for text in range(len(bounds) - 1):
        at, end = bounds[text], bounds[text + 1]
        while True:
            value, _, at = next_term(data, at, end, kinds, small)
            if value == 0:
                break
            hashes[term] = value
            term += 1


@njit(cache=True, nogil=True)
def _fill_table(wanted, keys, ids):
    mask = len(keys) - 1
    for number in range(len(wanted)):
        place = np.int64(wanted[number] & np.uint64(mask))
        while keys[place] != 0:
            place = (place + 1) & mask
        keys[place] = wanted[number]
        ids[place] = number
