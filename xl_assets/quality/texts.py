"""One way to hand a text to a quality classifier, in training as in scoring."""

import unicodedata
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from xl_assets.filters.words import UNSPACED
from xl_assets.native.characters import NUMBER, PUNCTUATION, SPACE, SYMBOL, characters, decode
from xl_assets.native.columns import utf8
from xl_assets.seeds.normalise import normalised

#: fastText reads a token that begins so as a label.
LABEL_PREFIX = "__label__"

#: What becomes of a character: written in its small form, a gap, a token of its own, or the digit 0.
_PLAIN, _GAP, _APART, _DIGIT = range(4)

_BLANK, _ZERO = 0x20, 0x30


def prepare(texts: pl.Series, is_normalised: bool = False) -> pl.Series:
    """Return each text as the classifier reads it: one line of tokens between single spaces.

    Small letters, every number as ``0``; punctuation, symbols and the characters of scripts without spaces between
    words are tokens of their own. That takes fastText's commands in a text (``</s>``, ``__label__``) apart as well,
    so that a document can neither end itself early nor label itself.

    Args:
        texts: a null gives an empty text.
        is_normalised: whether they went through `seeds.normalise` already; it is done here otherwise.
    """
    normal = texts if is_normalised else pl.DataFrame({"text": texts}).select(normalised("text"))["text"]
    column = utf8(normal)
    size = int(column.offsets[-1] - column.offsets[0])
    # A character can gain a blank on either side; the small form of a letter is a byte longer at most.
    written = np.empty(3 * size + 4, dtype=np.uint8)
    ends = np.zeros(len(column.offsets), dtype=np.int64)
    actions, lower = _tables()
    _write(column.data, column.offsets, actions, lower, written, ends)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(written[: ends[-1]].copy())]
    made = pa.Array.from_buffers(pa.large_string(), len(texts), buffers)
    return pl.Series(texts.name, pl.from_arrow(made), dtype=pl.String)


@cache
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    classes, lower, _ = characters()
    actions = np.zeros(len(classes), dtype=np.uint8)
    actions[(classes & NUMBER) != 0] = _DIGIT
    points = np.flatnonzero(classes)
    points = points[(points < 0xD800) | (points > 0xDFFF)]
    unspaced = pl.Series([chr(point) for point in points]).str.contains(f"[{UNSPACED}]").to_numpy()
    actions[points[unspaced]] = _APART
    actions[(classes & (PUNCTUATION | SYMBOL)) != 0] = _APART
    actions[(classes & SPACE) != 0] = _GAP
    # fastText ends a token at some of the control characters.
    actions[[point for point in range(0xA0) if unicodedata.category(chr(point)) == "Cc"]] = _GAP
    return actions, lower


@njit(cache=True, nogil=True)
def _write(data, offsets, actions, lower, written, ends):
    at = 0
    for text in range(len(offsets) - 1):
        start, place, end = at, offsets[text], offsets[text + 1]
        gap = False
        while place < end:
            point, place = decode(data, place)
            action = actions[point]
            if action == _GAP:
                gap = True
                continue
            if (gap or action == _APART) and at > start:
                written[at] = _BLANK
                at += 1
            gap = action == _APART
            at = _encode(_ZERO if action == _DIGIT else lower[point], written, at)
        ends[text + 1] = at


@njit(cache=True, nogil=True, inline="always")
def _encode(point, written, at):
    if point < 0x80:
        written[at] = point
        return at + 1
    if point < 0x800:
        written[at], written[at + 1] = 0xC0 | (point >> 6), 0x80 | (point & 0x3F)
        return at + 2
    if point < 0x10000:
        written[at], written[at + 1] = 0xE0 | (point >> 12), 0x80 | ((point >> 6) & 0x3F)
        written[at + 2] = 0x80 | (point & 0x3F)
        return at + 3
    written[at], written[at + 1] = 0xF0 | (point >> 18), 0x80 | ((point >> 12) & 0x3F)
    written[at + 2], written[at + 3] = 0x80 | ((point >> 6) & 0x3F), 0x80 | (point & 0x3F)
    return at + 4
