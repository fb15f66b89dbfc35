"""Lists of words that a text should have few of, handed over by path; none is shipped."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.texts import Texts
from xl_assets.languages import Language

#: Names a folder with a file ``<language code>.txt`` per language, one word a line; every process of a run reads it.
FLAGGED_WORDS_VARIABLE = "XL_FLAGGED_WORDS"


class FlaggedWordsError(ValueError):
    """The folder of word lists can't be used; names the remedy."""


def flagged_terms(language: Language) -> NDArray[np.uint64] | None:
    """Return the hashes of a language's flagged words as `native.words.Words.term` has them; None without a list.

    Entries of several words, as the language's words are found, are passed over.

    Raises:
        FlaggedWordsError: the variable names no folder, or a list is no UTF-8 text.
    """
    folder = os.environ.get(FLAGGED_WORDS_VARIABLE)
    return _read(Path(folder), language) if folder else None


@lru_cache
def _read(folder: Path, language: Language) -> NDArray[np.uint64] | None:
    if not folder.is_dir():
        raise FlaggedWordsError(
            f"{FLAGGED_WORDS_VARIABLE} names {folder}, which is no folder; create it with a file "
            f"{language.code}.txt, one word a line, or unset the variable"
        )
    path = folder / f"{language.code}.txt"
    if not path.is_file():
        return None
    try:
        entries = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FlaggedWordsError(f"word list {path} is no UTF-8 text ({error}); save it as UTF-8") from error
    words = Texts(pl.Series(entries, dtype=pl.String), language).words
    single = np.diff(words.offsets) == 1
    terms = words.term[words.offsets[:-1][single]]
    return np.unique(terms[terms != 0])
