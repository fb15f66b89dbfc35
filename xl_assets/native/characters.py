"""What a code point is, as tables that compiled code looks up, and how UTF-8 is decoded there.

The tables are made once from `unicodedata` and shipped (``characters.npz``; `python -m xl_assets.native.characters`
makes it again), so that every Python version decides alike and no process spends time on making them.
"""

import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

LETTER, MARK, NUMBER, SPACE, PUNCTUATION, SYMBOL, UPPER, LINE_END = (1 << bit for bit in range(8))

FILE = Path(__file__).with_name("characters.npz")

_POINTS = 0x110000
_BITS = {"L": LETTER, "M": MARK, "N": NUMBER, "P": PUNCTUATION, "S": SYMBOL}

#: Where `str.splitlines` breaks.
_LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

#: Values of `Characters.composes`: a text with this one may not be in NFC; it counts when marks are put in order.
MAY_COMPOSE = 255


class Characters(NamedTuple):
    """Tables indexed by code point, all of length 0x110000.

    Attributes:
        classes: the flags above; SPACE is Python's ``str.isspace``, LINE_END what ``str.splitlines`` breaks at.
        lower: the simple lower-case form.
        composes: MAY_COMPOSE where NFC may change the character or join it to the one before, else its canonical
            combining class (0 for nearly all). Unicode Standard Annex 15, quick check.
    """

    classes: NDArray[np.uint8]
    lower: NDArray[np.int32]
    composes: NDArray[np.uint8]


@cache
def characters() -> Characters:
    """Return the shipped tables."""
    with np.load(FILE) as tables:
        lower = np.arange(_POINTS, dtype=np.int32)
        lower[tables["capitals"]] = tables["small"]
        return Characters(tables["classes"], lower, tables["composes"])


@cache
def letters() -> tuple[NDArray[np.int64], pl.Series]:
    """Return the code points of all letters, and the letters themselves; for asking regular expressions about them."""
    points = np.flatnonzero(characters().classes & LETTER)
    return points, pl.Series(list(points.astype("<u4").tobytes().decode("utf-32-le")), dtype=pl.String)


@cache
def letter_table(pattern: str) -> NDArray[np.bool_]:
    """Return for each code point whether it is a letter that a regular expression of Polars matches."""
    points, texts = letters()
    table = np.zeros(_POINTS, dtype=np.bool_)
    table[points] = texts.str.contains(pattern).to_numpy()
    return table


def made_tables() -> dict[str, NDArray]:
    """Make the tables of this Python's Unicode version, in the form of the shipped file."""
    classes, composes = np.zeros(_POINTS, dtype=np.uint8), np.zeros(_POINTS, dtype=np.uint8)
    capitals: dict[int, int] = {}
    for point in range(_POINTS):
        character = chr(point)
        category = unicodedata.category(character)
        upper, space = UPPER * (category == "Lu"), SPACE * character.isspace()
        classes[point] = _BITS.get(category[0], 0) | upper | space
        small = character.lower()
        if len(small) == 1 and small != character:
            capitals[point] = ord(small)
        # A surrogate is in no text; `is_normalized` takes it for one all the same.
        composes[point] = unicodedata.combining(character)
        if not unicodedata.is_normalized("NFC", character):
            composes[point] = MAY_COMPOSE
    composes[_second_parts()] = MAY_COMPOSE
    for character in _LINE_ENDS:
        classes[ord(character)] |= LINE_END
    return {
        "classes": classes,
        "capitals": np.array(list(capitals), dtype=np.int32),
        "small": np.array(list(capitals.values()), dtype=np.int32),
        "composes": composes,
    }


def _second_parts() -> list[int]:
    """Code points that a composed character ends with: after the right one they would become one with it."""
    parts = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}  # vowels and finals of Hangul are composed by rule
    for point in range(_POINTS):
        decomposed = unicodedata.decomposition(chr(point)).split()
        if len(decomposed) == 2 and not decomposed[0].startswith("<"):
            parts.add(int(decomposed[1], 16))
    return sorted(parts)


@njit(cache=True, nogil=True, inline="always")
def decode(data, at):
    """Return (code point, where the next one begins). The bytes are valid UTF-8, as Arrow's always are."""
    first = data[at]
    if first < 0x80:
        return np.int32(first), at + 1
    if first < 0xE0:
        return (np.int32(first & 0x1F) << 6) | np.int32(data[at + 1] & 0x3F), at + 2
    if first < 0xF0:
        point = (np.int32(first & 0x0F) << 12) | (np.int32(data[at + 1] & 0x3F) << 6)
        return point | np.int32(data[at + 2] & 0x3F), at + 3
    point = (np.int32(first & 0x07) << 18) | (np.int32(data[at + 1] & 0x3F) << 12)
    return point | (np.int32(data[at + 2] & 0x3F) << 6) | np.int32(data[at + 3] & 0x3F), at + 4


if __name__ == "__main__":
    np.savez_compressed(FILE, allow_pickle=False, **made_tables())
