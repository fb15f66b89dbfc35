"""Words in scripts that put no spaces between them: ICU's dictionaries for zh, ja, th, lo, km and my."""

from importlib.metadata import version

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from xl_assets.languages import Language
from xl_assets.native.columns import Utf8

_PARTED = "\n"


def word_breaks(texts: pl.Series, columns: Utf8, language: Language) -> NDArray[np.int64]:
    """Return byte positions at which words end without white space; none where a language writes spaces.

    A text's breaks depend on nothing but the text: ICU always breaks at the line feeds that part them here, and
    its dictionaries see no further than a run of one script.

    Args:
        texts: in one language, without nulls.
        columns: their bytes.
        language: theirs.

    Returns:
        Ascending positions in ``columns.data``.
    """
    if language.spaces_between_words or not len(texts):
        return np.zeros(0, dtype=np.int64)
    ends = _segment_ends(texts.str.join(_PARTED).cast(pl.Binary).item(), language)
    breaks = np.empty(len(ends), dtype=np.int64)
    return breaks[: _to_bytes(columns.data, columns.offsets, ends, breaks)]


def segmenter_version() -> str:
    """Return what decides where words end, for the record: library and dictionaries."""
    import icu4py

    return f"icu4py {version('icu4py')}, ICU {icu4py.icu_version}"


def _segment_ends(text: bytes, language: Language) -> NDArray[np.int64]:
    """Where ICU's segments end, in UTF-16 code units."""
    from icu4py.breakers import WordBreaker

    # The class takes UTF-8 as it is; its stub knows only str.
    segments = WordBreaker(text, language.code.partition("_")[0]).segments()  # type: ignore[arg-type]
    return np.fromiter(segments, dtype=[("start", np.int64), ("end", np.int64)])["end"]


@njit(cache=True, nogil=True)
def _to_bytes(data, bounds, ends, breaks):
    """Write the byte position of each end that is inside a text; return how many there are."""
    unit, following, found = 0, 0, 0
    for text in range(len(bounds) - 1):
        for at in range(bounds[text], bounds[text + 1]):
            if data[at] & 0xC0 == 0x80:
                continue
            while following < len(ends) and ends[following] < unit:
                following += 1
            if following < len(ends) and ends[following] == unit and at > bounds[text]:
                breaks[found] = at
                found += 1
            # Characters of four bytes are two units.
            unit += 2 if data[at] >= 0xF0 else 1
        unit += 1
    return found
