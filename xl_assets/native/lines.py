"""Texts to lines: where each begins and ends and how long it is; and texts without some of their lines."""

from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import SPACE, characters, decode
from xl_assets.native.columns import Utf8

_LINE_FEED = 10


class Lines(NamedTuple):
    """All lines of a batch of texts, one below the other; text i has ``offsets[i]`` to ``offsets[i + 1]``.

    Lines are what ``str.split("\\n")`` gives: an empty text has one, and so has what stands behind a last line feed.

    Attributes:
        offsets: int64, one more than there are texts.
        start, end: int64, the line's bytes in the column's data, without its line feed.
        inner_start, inner_end: int64, the same without white space around it; equal in a blank line.
        length: int32, code points of the whole line.
        last: int32, its last code point; -1 in an empty line.
    """

    offsets: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    inner_start: NDArray[np.int64]
    inner_end: NDArray[np.int64]
    length: NDArray[np.int32]
    last: NDArray[np.int32]

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Whether there is more than white space in a line."""
        return self.inner_end > self.inner_start

    def per_text(self, values: NDArray[np.bool_] | NDArray[np.int32]) -> NDArray[np.int64]:
        """Return for each text the sum of its lines' values."""
        sums = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])[self.offsets]
        return np.diff(sums)


def split_lines(texts: Utf8) -> Lines:
    r"""Split texts at line feeds.

    >>> from xl_assets.native.columns import utf8
    >>> split_lines(utf8(pl.Series(["a\n b \n", ""]))).length.tolist()
    [1, 3, 0, 0]
    """
    offsets = np.zeros(len(texts.offsets), dtype=np.int64)
    _count(texts.data, texts.offsets, offsets)
    count = int(offsets[-1])
    start, end, inner_start, inner_end = (np.empty(count, dtype=np.int64) for _ in range(4))
    length, last = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
    _fill(texts.data, texts.offsets, characters().classes, start, end, inner_start, inner_end, length, last)
    return Lines(offsets, start, end, inner_start, inner_end, length, last)


def without_lines(texts: Utf8, lines: Lines, removed: NDArray[np.bool_]) -> pl.Series:
    """Return the texts without some of their lines, byte for byte the same otherwise.

    A line goes with its line feed; of the blank lines around removed ones only one stays, and none at the ends.

    Args:
        texts: the column.
        lines: its lines.
        removed: for each line whether it goes.
    """
    data = np.empty(len(texts.data) + len(lines.start), dtype=np.uint8)
    offsets = np.zeros(len(texts.offsets), dtype=np.int64)
    used = _copy(
        texts.data, lines.offsets, lines.start, lines.end, lines.inner_start, lines.inner_end, removed, data, offsets
    )
    return as_series(Utf8(data[:used], offsets))


def as_series(texts: Utf8) -> pl.Series:
    """Return buffers as a text column; the reverse of `columns.utf8`."""
    array = pa.LargeStringArray.from_buffers(
        len(texts.offsets) - 1, pa.py_buffer(texts.offsets), pa.py_buffer(np.ascontiguousarray(texts.data))
    )
    return pl.Series(array, dtype=pl.String)


@njit(cache=True, nogil=True)
def strip(data, at, end, classes):
    """Return the bounds of what lies within white space; equal ones where there is nothing else."""
    while at < end:
        point, following = decode(data, at)
        if not classes[point] & SPACE:
            break
        at = following
    while end > at:
        before = end - 1
        while data[before] & 0xC0 == 0x80:
            before -= 1
        point, _ = decode(data, before)
        if not classes[point] & SPACE:
            break
        end = before
    return at, end


@njit(cache=True, nogil=True)
def _count(data, bounds, offsets):
    total = 0
    for text in range(len(bounds) - 1):
        total += 1
        for at in range(bounds[text], bounds[text + 1]):
            total += data[at] == _LINE_FEED
        offsets[text + 1] = total


@njit(cache=True, nogil=True)
def _fill(data, bounds, classes, start, end, inner_start, inner_end, length, last):
    line = 0
    for text in range(len(bounds) - 1):
        at, stop = bounds[text], bounds[text + 1]
        while True:
            begin, points, final = at, 0, at
            while at < stop and data[at] != _LINE_FEED:
                if data[at] & 0xC0 != 0x80:
                    points, final = points + 1, at
                at += 1
            start[line], end[line], length[line] = begin, at, points
            inner_start[line], inner_end[line] = strip(data, begin, at, classes)
            last[line] = decode(data, final)[0] if at > begin else -1
            line += 1
            if at == stop:
                break
            at += 1


@njit(cache=True, nogil=True)
def _copy(data, offsets, start, end, inner_start, inner_end, removed, out, bounds):
    used = 0
    for text in range(len(offsets) - 1):
        # Where the text ends without blank lines at its end; whether a line was written, whether it was blank,
        # and whether lines were removed since.
        solid, written, blank, gap = used, False, True, False
        for line in range(offsets[text], offsets[text + 1]):
            if removed[line]:
                gap = True
                continue
            empty = inner_start[line] == inner_end[line]
            if gap and empty and blank:
                continue
            if written:
                out[used] = _LINE_FEED
                used += 1
            for position in range(start[line], end[line]):
                out[used] = data[position]
                used += 1
            written, blank, gap = True, empty, False
            if not empty:
                solid = used
        if gap:
            used = solid
        bounds[text + 1] = used
    return used
