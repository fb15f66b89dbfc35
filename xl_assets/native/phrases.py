"""Looking for a few fixed phrases in a line, whatever the size of its letters."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: What `find_phrase` says where there is none.
NONE = 255


class Phrases(NamedTuple):
    """Phrases in small letters, one behind the other.

    Attributes:
        starts: bool, for each code point up to 127 whether a phrase begins with it.
        points: int32, their code points.
        bounds: int64, phrase i is ``points[bounds[i]:bounds[i + 1]]``.
        kinds: uint8, what each means; below `NONE`.
    """

    starts: NDArray[np.bool_]
    points: NDArray[np.int32]
    bounds: NDArray[np.int64]
    kinds: NDArray[np.uint8]


def spell(phrases: Mapping[str, int]) -> Phrases:
    """Return phrases (in small letters, the first in ASCII) and their kinds as compiled code reads them."""
    starts = np.zeros(128, dtype=np.bool_)
    starts[[ord(phrase[0]) for phrase in phrases]] = True
    points = np.array([ord(character) for phrase in phrases for character in phrase], dtype=np.int32)
    bounds = np.cumsum([0, *map(len, phrases)], dtype=np.int64)
    return Phrases(starts, points, bounds, np.array(list(phrases.values()), dtype=np.uint8))


@njit(cache=True, nogil=True)
def find_phrase(line, length, lower, starts, phrases, bounds, kinds):
    """Return the lowest kind of the phrases in a line.

    Args:
        line, length: its code points, and how many of the array they are.
        lower: code point -> its small form.
        starts, phrases, bounds, kinds: see `Phrases`.
    """
    found = NONE
    for at in range(length):
        small = lower[line[at]]
        if small > 127 or not starts[small]:
            continue
        for phrase in range(len(kinds)):
            begin, size = bounds[phrase], bounds[phrase + 1] - bounds[phrase]
            if small != phrases[begin] or at + size > length or kinds[phrase] >= found:
                continue
            same = True
            for index in range(1, size):
                if lower[line[at + index]] != phrases[begin + index]:
                    same = False
                    break
            if same:
                found = kinds[phrase]
    return found
