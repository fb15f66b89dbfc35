"""How much a text repeats itself."""

import numpy as np
import polars as pl

from xl_assets.filters.texts import Texts
from xl_assets.languages import Language
from xl_assets.native.ngrams import duplicate_grams, term_tokens

#: n -> share of a text's characters above which Gopher rejects it: those in the most frequent n words in a row, and
#: those in n words that occurred before (arXiv:2112.11446, table A1).
TOP = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


def repeated_words(series: pl.Series, language: Language, n: int = 5) -> pl.Series:
    """Return the share of each text's characters that is in n terms in a row that occurred before, Float64.

    Characters are those of terms (see `native.words.Words`), each counted once; 0 for a text without any. The same
    as the measure ``duplicate_<n>_gram``.

    Args:
        series: the texts.
        language: theirs.
        n: 2 at least.
    """
    texts = Texts(series, language)
    tokens = term_tokens(texts.words)
    ends = np.concatenate([[0], np.cumsum(tokens.length)])[tokens.offsets]
    repeated = duplicate_grams(tokens, (n,), overlap=True)[:, 0]
    return pl.Series(series.name, repeated / np.maximum(ends[1:] - ends[:-1], 1), dtype=pl.Float64)
