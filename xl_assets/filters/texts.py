"""A batch of texts in one language, taken apart once and shared by every measure."""

from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.segmentation import word_breaks
from xl_assets.languages import Language
from xl_assets.native.columns import Utf8, utf8
from xl_assets.native.words import Words, split_words

#: Scripts without spaces whose writers mark the end of a word by a zero-width space.
_MARKED = frozenset({"Thai", "Laoo", "Khmr", "Mymr"})


class Texts:
    """Texts of one language with what measures need of them, each made when first asked for.

    Args:
        series: the texts; a null counts as empty.
        language: theirs; decides how words are found.
    """

    def __init__(self, series: pl.Series, language: Language) -> None:
        known = series.fill_null("")
        # What the writer marked as the end of a word is one: the rules read it as white space.
        self.series = known.str.replace_all("\u200b", " ", literal=True) if language.script in _MARKED else known
        self.language = language

    def __len__(self) -> int:
        return len(self.series)

    @cached_property
    def utf8(self) -> Utf8:
        """The texts' bytes."""
        return utf8(self.series)

    @cached_property
    def words(self) -> Words:
        """The words: what stands between white space, or what the segmenter says in scripts without spaces."""
        return split_words(self.utf8, word_breaks(self.series, self.utf8, self.language))

    @cached_property
    def characters(self) -> NDArray[np.int64]:
        """Code points of each text."""
        return self.series.str.len_chars().to_numpy().astype(np.int64)
