"""Where sentences end within a line: by punctuation, but for abbreviations, initials, ordinals and ellipses."""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, MARK, NUMBER, SPACE, UPPER

#: English words that a full stop follows without ending a sentence; single letters and "U.S." are seen by their form.
_ABBREVIATIONS = (
    "mr mrs ms dr prof st sr jr vs etc inc ltd co corp no gen gov sen rep lt col sgt capt rev hon jan feb mar apr aug "
    "sept oct nov dec fig vol approx dept est maj ft mt pp"
)

_MIX = np.uint64(0x100000001B3)


@cache
def abbreviations() -> NDArray[np.uint64]:
    """Hashes of words that a full stop follows without ending a sentence, ascending."""
    return np.sort(np.array([_spelt(word) for word in _ABBREVIATIONS.split()], dtype=np.uint64))


def _spelt(word: str) -> int:
    value = 0
    for character in word:
        value = (value + ord(character)) * int(_MIX) % (1 << 64)
    return value


@njit(cache=True, nogil=True)
def count_sentences(points, length, classes, lower, terminal, short):
    """Return one more than there are sentence ends within a line.

    Args:
        points, length: its code points, and how many of the array they are.
        classes, lower: see `characters.Characters`.
        terminal: for each code point whether a sentence can end with it.
        short: see `abbreviations`.
    """
    count, at = 1, 0
    while at < length:
        point = points[at]
        if not terminal[point]:
            at += 1
            continue
        first = at
        while at < length and (terminal[points[at]] or _closes(points[at])):
            at += 1
        behind = at
        while behind < length and classes[points[behind]] & SPACE:
            behind += 1
        if behind == length:
            break
        # Scripts without spaces set none behind a full stop.
        wide = 0x3000 <= point < 0xA000 or point >= 0xFF00
        # A trained tokeniser parts `"Why?", he asked.` too.
        asked = point != 46 and at > first + 1 and points[at] == 44
        if (behind > at or wide or asked) and not (
            point == 46 and _goes_on(points, first, at, behind, classes, lower, short)
        ):
            count += 1
    return count


@njit(cache=True, nogil=True)
def _closes(point):
    return (
        point == 34 or point == 39 or point == 41 or point == 93 or point == 0xBB
        or 0x2018 <= point <= 0x201F or point == 0x203A or 0x3009 <= point <= 0x3011
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _goes_on(points, dot, after, behind, classes, lower, short):
    """Whether the full stop at `dot` ends an abbreviation or an ellipsis within a sentence."""
    if after - dot > 1 and points[dot + 1] == 46:
        return not classes[points[behind]] & UPPER
    begin, letters, digits, inner = dot, 0, 0, False
    value = np.uint64(0)
    while begin > 0 and not classes[points[begin - 1]] & SPACE:
        begin -= 1
    for index in range(begin, dot):
        bits = classes[points[index]]
        if bits & (LETTER | MARK):
            letters += 1
            value = (value + np.uint64(lower[points[index]])) * _MIX
        digits += bits & NUMBER != 0
        inner = inner or points[index] == 46
    if letters == 1 or (inner and 0 < letters <= 4):
        return True
    # Ordinals, "29. September": far more frequent than a sentence that ends in such a number.
    if digits and digits <= 2 and digits >= dot - begin - 1:
        return True
    place = np.searchsorted(short, value)
    return letters > 0 and place < len(short) and short[place] == value
