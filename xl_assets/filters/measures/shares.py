"""Arithmetic that the families share."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from xl_assets.filters.texts import Texts
from xl_assets.native.columns import utf8
from xl_assets.native.words import split_words


def share(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Return part / whole; NaN where the whole is nothing."""
    whole = np.asarray(whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, np.asarray(part) / whole, np.nan)


def as_columns(values: Mapping[str, ArrayLike | None], texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """Return the wanted values as Float64 columns; NaN, and a None for all texts, become null."""
    return pl.DataFrame(
        {
            name: np.full(len(texts), np.nan) if value is None else np.asarray(value, dtype=np.float64)
            for name, value in values.items()
            if name in wanted
        }
    ).fill_nan(None)


def word_hashes(words: tuple[str, ...], *, terms: bool = False) -> NDArray[np.uint64]:
    """Return the hashes of a list of words as `native.words.Words` has them: as written, or of their terms."""
    split = split_words(utf8(pl.Series(words, dtype=pl.String)))
    return split.term[split.term != 0] if terms else split.hash
