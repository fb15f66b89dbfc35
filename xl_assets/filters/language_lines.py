"""Letters per line and per script, counted over a whole column at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, characters, decode, letter_table
from xl_assets.native.columns import Utf8

#: Code points from here on are no letters (of any Unicode version so far): tables end here.
_LETTERS_END = 0x32400

_LINE_FEED = 10


class LineLetters(NamedTuple):
    """What `count_letters` finds. A text has one line more than it has line feeds.

    Attributes:
        text: int64, per line the text it is of.
        letters: int64, per line its letters (Unicode categories L*).
        text_letters: int64, per text.
        script_letters: int64, per text those of its script.
    """

    text: NDArray[np.int64]
    letters: NDArray[np.int64]
    text_letters: NDArray[np.int64]
    script_letters: NDArray[np.int64]


def count_letters(texts: Utf8, script: NDArray[np.int64], script_classes: Sequence[str]) -> LineLetters:
    """Count the letters of each line and, of each text, those in its script.

    Args:
        texts: the column.
        script: per text the position of its script among `script_classes`.
        script_classes: what is a letter of a script, as in the language registry: a regular expression class.
    """
    rows, data, offsets = len(texts.offsets) - 1, texts.data, texts.offsets
    feeds = np.count_nonzero(data[offsets[0] : offsets[-1]] == _LINE_FEED) if rows else 0
    text, letters = np.zeros(rows + feeds, np.int64), np.zeros(rows + feeds, np.int64)
    script_letters = np.zeros(rows, np.int64)
    tables = (
        np.stack([letter_table(name)[:_LETTERS_END] for name in script_classes])
        if script_classes
        else np.zeros((1, 1), np.bool_)
    )
    _count(data, offsets, script, characters().classes, tables, text, letters, script_letters)
    return LineLetters(text, letters, np.bincount(text, letters, rows).astype(np.int64), script_letters)


@njit(cache=True, nogil=True)
def _count(data, offsets, script, classes, tables, text, letters, script_letters):
    line = 0
    for row in range(len(offsets) - 1):
        at, table = offsets[row], tables[script[row]]
        text[line] = row
        while at < offsets[row + 1]:
            point, at = decode(data, at)
            if point == _LINE_FEED:
                line += 1
                text[line] = row
            elif classes[point] & LETTER:
                letters[line] += 1
                script_letters[row] += table[point]
        line += 1
