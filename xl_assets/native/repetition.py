"""Pieces of texts, such as lines and paragraphs, that repeat an earlier piece of the same text."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import SPACE, characters, decode
from xl_assets.native.columns import Utf8
from xl_assets.native.lines import strip
from xl_assets.native.seen import find_slot, slots_for

_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_LINE_FEED = 10


class Pieces(NamedTuple):
    """What the pieces of each text come to, int64, one value a text.

    Attributes:
        pieces, characters: all of them, and the code points in them.
        repeated, repeated_characters: those that are equal to an earlier piece.
    """

    pieces: NDArray[np.int64]
    characters: NDArray[np.int64]
    repeated: NDArray[np.int64]
    repeated_characters: NDArray[np.int64]


def repeated_pieces(texts: Utf8, feeds: int, *, trim: bool = False, blank: bool = False) -> Pieces:
    r"""Cut texts at runs of line feeds and count the pieces that occurred before.

    Args:
        texts: the column.
        feeds: line feeds in a row that part two pieces: 1 for lines, 2 for paragraphs.
        trim: leave out the white space around the whole text.
        blank: count pieces of nothing but white space too; even an empty text has one.

    >>> from xl_assets.native.columns import utf8
    >>> import polars as pl
    >>> repeated_pieces(utf8(pl.Series(["a\na\n\nb"])), 1).repeated.tolist()
    [1]
    """
    result = Pieces(*(np.zeros(len(texts.offsets) - 1, dtype=np.int64) for _ in Pieces._fields))
    _cut(texts.data, texts.offsets, characters().classes, feeds, trim, blank, *result)
    return result


@njit(cache=True, nogil=True)
def _cut(data, bounds, classes, feeds, trim, blank, pieces, characters, repeated, repeated_characters):
    slots = slots_for(_most_pieces(data, bounds))
    keys, rounds = np.empty(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    for text in range(len(bounds) - 1):
        at, end = bounds[text], bounds[text + 1]
        if trim:
            at, end = strip(data, at, end, classes)
        begin = at
        while True:
            stop, following = _next_cut(data, at, end, feeds)
            length = _code_points(data, at, stop)
            if blank or _is_filled(data, at, stop, classes):
                there = False
                if at > begin or following >= 0:  # a text that is one piece repeats nothing
                    _, there = find_slot(keys, rounds, slots - 1, _hash(data, at, stop), text + 1)
                pieces[text] += 1
                characters[text] += length
                repeated[text] += there
                repeated_characters[text] += length * there
            if following < 0:
                break
            at = following


@njit(cache=True, nogil=True)
def _most_pieces(data, bounds):
    most = 0
    for text in range(len(bounds) - 1):
        feeds = 0
        for at in range(bounds[text], bounds[text + 1]):
            feeds += data[at] == _LINE_FEED
        most = max(most, feeds)
    return most + 1


@njit(cache=True, nogil=True)
def _next_cut(data, at, end, feeds):
    """Return (end of the piece, where the next one begins or -1)."""
    while at < end:
        if data[at] != _LINE_FEED:
            at += 1
            continue
        following = at
        while following < end and data[following] == _LINE_FEED:
            following += 1
        if following - at >= feeds:
            return at, following
        at = following
    return end, -1


@njit(cache=True, nogil=True)
def _code_points(data, at, end):
    count = 0
    for position in range(at, end):
        count += data[position] & 0xC0 != 0x80
    return count


@njit(cache=True, nogil=True)
def _is_filled(data, at, end, classes):
    while at < end:
        point, at = decode(data, at)
        if not classes[point] & SPACE:
            return True
    return False


@njit(cache=True, nogil=True)
def _hash(data, at, end):
    key = _START
    for position in range(at, end):
        key = (key ^ np.uint64(data[position])) * _PRIME
    return key
