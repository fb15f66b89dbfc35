"""Which texts are written in the normal way already (see `seeds.normalise`): nearly all of a clean corpus."""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import MAY_COMPOSE, SPACE, characters, decode
from xl_assets.native.columns import Utf8

#: A line feed and a blank are the only white space of a normal text.
_LINE_FEED, _BLANK = 0x0A, 0x20


def find_normal(texts: Utf8, removed: str) -> NDArray[np.bool_]:
    """Return for each text whether normalising it would change nothing; False also where that is not sure.

    Args:
        texts: the column.
        removed: characters that normalising takes away, besides controls.
    """
    normal = np.zeros(len(texts.offsets) - 1, dtype=np.bool_)
    _find(texts.data, texts.offsets, _stops(removed), characters().composes, normal)
    return normal


@cache
def _stops(removed: str) -> NDArray[np.bool_]:
    """Code points that no normal text has."""
    tables = characters()
    stops = (tables.classes & SPACE != 0) | (tables.composes == MAY_COMPOSE)
    stops[:0x20] = True
    stops[0x7F:0xA0] = True
    stops[[ord(character) for character in removed]] = True
    stops[[_LINE_FEED, _BLANK]] = False
    return stops


@njit(cache=True, nogil=True)
def _find(data, bounds, stops, composes, normal):
    for text in range(len(bounds) - 1):
        at, end = bounds[text], bounds[text + 1]
        # The beginning counts as an empty line: white space may not follow.
        before, feeds, order = _LINE_FEED, 2, 0
        good = True
        while at < end:
            point, at = decode(data, at)
            if stops[point]:
                good = False
                break
            if point == _BLANK:
                good = before != _BLANK and before != _LINE_FEED
                feeds, order = 0, 0
            elif point == _LINE_FEED:
                feeds += 1
                good = before != _BLANK and feeds < 3
                order = 0
            else:
                feeds = 0
                good = composes[point] == 0 or composes[point] >= order
                order = composes[point]
            if not good:
                break
            before = point
        normal[text] = good and (bounds[text] == end or (before != _BLANK and before != _LINE_FEED))
