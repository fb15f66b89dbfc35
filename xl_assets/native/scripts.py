"""Letters by script: how many of a text's are of other scripts, and which words mix scripts that look alike."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, MARK, characters, decode, letter_table
from xl_assets.native.columns import Utf8

#: What a letter of the table is: of the scripts asked for; of no single script; of one of those that look alike.
OWN, SHARED, LATIN, CYRILLIC, GREEK = (1 << bit for bit in range(5))

#: Scripts whose letters are taken for each other's ("а" is not "a").
_ALIKE = {LATIN: r"\p{Latin}", CYRILLIC: r"\p{Cyrillic}", GREEK: r"\p{Greek}"}


class Scripts(NamedTuple):
    """Counts of each text, int64.

    Attributes:
        letters: letters that belong to some script.
        foreign: those of them that are of other scripts.
        words: letters and marks in a row.
        mixed: those of them with letters of two scripts that look alike.
    """

    letters: NDArray[np.int64]
    foreign: NDArray[np.int64]
    words: NDArray[np.int64]
    mixed: NDArray[np.int64]


def count_scripts(texts: Utf8, script_class: str) -> Scripts:
    """Count letters and words by script.

    Args:
        texts: the column.
        script_class: the text's own scripts as a regular expression class, e.g. ``\\p{Latin}``, from the registry.
    """
    counts = np.zeros((len(texts.offsets) - 1, len(Scripts._fields)), dtype=np.int64)
    _count(texts.data, texts.offsets, characters().classes, _table(script_class), counts)
    return Scripts(*counts.T)


@lru_cache
def _table(script_class: str) -> NDArray[np.uint8]:
    """Ask the regular expressions of Polars about every letter there is."""
    # SHARED is for letters of no script of their own, such as "ー" and "µ": they are foreign nowhere.
    kinds = {OWN: script_class, SHARED: r"[\p{Common}\p{Inherited}]", **_ALIKE}
    table = np.zeros(0x110000, dtype=np.uint8)
    for bit, pattern in kinds.items():
        table[letter_table(pattern)] |= bit
    return table


@njit(cache=True, nogil=True)
def _count(data, bounds, classes, table, counts):
    alike = LATIN | CYRILLIC | GREEK
    for text in range(len(bounds) - 1):
        letters = foreign = words = mixed = 0
        inside, seen = False, 0
        at = bounds[text]
        while at < bounds[text + 1]:
            point, at = decode(data, at)
            bits = classes[point]
            if not bits & (LETTER | MARK):
                mixed += _mixed(seen)
                inside, seen = False, 0
                continue
            if not inside:
                inside = True
                words += 1
            kind = table[point]
            seen |= kind & alike
            if bits & LETTER and not kind & SHARED:
                letters += 1
                foreign += not kind & OWN
        mixed += _mixed(seen)
        counts[text, 0], counts[text, 1], counts[text, 2], counts[text, 3] = letters, foreign, words, mixed


@njit(cache=True, nogil=True)
def _mixed(seen):
    return seen & (seen - 1) != 0
