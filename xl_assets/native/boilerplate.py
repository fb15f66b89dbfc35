"""Lines that are furniture of a web page, told by their form."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, NUMBER, SPACE, UPPER, characters, decode
from xl_assets.native.columns import Utf8
from xl_assets.native.lines import Lines
from xl_assets.native.phrases import NONE, find_phrase, spell

#: What a line is; the first that applies.
TEXT, RULER, COUNTER, NAVIGATION, CAPITALS, NOTICE = range(6)

#: Of lines that speak about the page they stand on; C4's own list.
NOTICES = (
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)

_SEPARATORS = "|›>•→▸►"
_ITEM_WORDS, _ITEM_LETTERS, _CAPITAL_WORDS, _NOTICE_WORDS = 3, 20, 10, 40


def page_furniture(texts: Utf8, lines: Lines, terminal: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Say for each line what it is; a blank one is text.

    - RULER: neither letter nor digit.
    - COUNTER: digits without a letter.
    - NAVIGATION: items of at most three words and 20 letters on average, parted by two or more separators, no end of
      a sentence.
    - CAPITALS: at most ten words, nine letters of ten large, no end of a sentence.
    - NOTICE: at most 40 words, with JavaScript, cookies or a policy among them.

    Args:
        texts: the column.
        lines: its lines.
        terminal: for each code point whether a sentence can end with it.
    """
    kinds = np.zeros(len(lines.start), dtype=np.uint8)
    tables = characters()
    separators = np.array([ord(separator) for separator in _SEPARATORS], dtype=np.int32)
    points = np.empty(int(lines.length.max(initial=0)), dtype=np.int32)
    phrases = spell(dict.fromkeys(NOTICES, NOTICE))
    _judge(
        texts.data,
        lines.inner_start,
        lines.inner_end,
        tables.classes,
        tables.lower,
        terminal,
        separators,
        points,
        *phrases,
        kinds,
    )
    return kinds


@njit(cache=True, nogil=True)
def _judge(data, start, end, classes, lower, terminal, separators, points, starts, phrases, bounds, meanings, kinds):
    for line in range(len(start)):
        if start[line] == end[line]:
            continue
        at, length = start[line], 0
        letters = large = numbers = words = parted = 0
        inside = False
        while at < end[line]:
            point, at = decode(data, at)
            points[length] = point
            length += 1
            bits = classes[point]
            letters += bits & LETTER != 0
            large += bits & UPPER != 0
            numbers += bits & NUMBER != 0
            separator = False
            for mark in separators:
                separator = separator or point == mark
            parted += separator
            if bits & SPACE or separator:
                inside = False
            else:
                words += not inside
                inside = True
        ended, items = terminal[points[length - 1]], parted + 1
        if not letters:
            kinds[line] = COUNTER if numbers else RULER
        elif parted > 1 and not ended and words <= _ITEM_WORDS * items and letters <= _ITEM_LETTERS * items:
            kinds[line] = NAVIGATION
        elif words <= _CAPITAL_WORDS and not ended and letters > 1 and 10 * large >= 9 * letters:
            kinds[line] = CAPITALS
        elif words <= _NOTICE_WORDS and find_phrase(points, length, lower, starts, phrases, bounds, meanings) != NONE:
            kinds[line] = NOTICE
