"""How many code points of which kind texts have."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, MARK, NUMBER, SPACE, characters, decode
from xl_assets.native.columns import Utf8


class Kinds(NamedTuple):
    """Code points of each text, int64.

    Attributes:
        every: all of them.
        worded: letters and marks.
        numbers: decimal digits and other numbers.
        spaces: white space.
        replaced: U+FFFD, what a decoder writes for bytes that it can't read.
    """

    every: NDArray[np.int64]
    worded: NDArray[np.int64]
    numbers: NDArray[np.int64]
    spaces: NDArray[np.int64]
    replaced: NDArray[np.int64]


def count_kinds(texts: Utf8) -> Kinds:
    """Count the kinds of code points of each text."""
    counts = np.zeros((len(texts.offsets) - 1, len(Kinds._fields)), dtype=np.int64)
    _count(texts.data, texts.offsets, characters().classes, counts)
    return Kinds(*counts.T)


@njit(cache=True, nogil=True)
def _count(data, bounds, classes, counts):
    for text in range(len(bounds) - 1):
        every = worded = numbers = spaces = replaced = 0
        at = bounds[text]
        while at < bounds[text + 1]:
            point, at = decode(data, at)
            bits = classes[point]
            every += 1
            worded += bits & (LETTER | MARK) != 0
            numbers += bits & NUMBER != 0
            spaces += bits & SPACE != 0
            replaced += point == 0xFFFD
        counts[text, 0], counts[text, 1], counts[text, 2] = every, worded, numbers
        counts[text, 3], counts[text, 4] = spaces, replaced
