"""The words of texts as strings, for comparing with definitions in plain Python."""

import polars as pl

from xl_assets.filters.texts import Texts
from xl_assets.languages import Language


def words_of(texts: list[str], language: Language) -> list[list[str]]:
    """Return each text's words."""
    split = Texts(pl.Series(texts, dtype=pl.String), language)
    data, words = split.utf8.data.tobytes(), split.words
    written = [data[start:end].decode() for start, end in zip(words.start, words.end, strict=True)]
    return [written[start:end] for start, end in zip(words.offsets, words.offsets[1:], strict=False)]
