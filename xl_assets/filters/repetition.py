"""Repetition inside a text: lines, paragraphs and word n-grams, as Gopher measures them (arXiv:2112.11446, A1.1)."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from xl_assets.filters.tokens import Floats, Tokens
from xl_assets.languages import Language

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)


def line_repetition(text: str, separator: str) -> tuple[pl.Expr, pl.Expr]:
    """(share of the lines that repeat an earlier one, share of the characters in them); null without lines.

    Args:
        text: name of the column.
        separator: ``"\\n"`` for lines, ``"\\n\\n"`` for paragraphs of a normalised text.
    """
    pieces = pl.col(text).str.split(separator).list.filter(pl.element().str.contains(r"\S"))
    unique = pieces.list.unique()
    characters = pieces.list.eval(pl.element().str.len_chars()).list.sum()
    unique_characters = unique.list.eval(pl.element().str.len_chars()).list.sum()
    return (
        _share(pieces.list.len() - unique.list.len(), pieces.list.len()),
        _share(characters - unique_characters, characters),
    )


def gram_repetition(tokens: Tokens, language: Language, thresholds: Mapping[str, float]) -> pl.DataFrame:
    """Shares of characters in repeated word n-grams, one row per text.

    Columns ``top_2_gram`` to ``top_4_gram``: share in the most frequent n-gram, 0 where none occurs twice.
    Columns ``duplicate_5_gram`` to ``duplicate_10_gram``: share in n-grams that occurred earlier in the text,
    each character counted once. Characters of terms, without spaces. Where tokens are characters, an n-gram
    is as many of them as n words have.

    A repeated longer n-gram is made of repeated 5-grams, so the longer ones are only counted where the share
    of 5-grams is above the lowest of their thresholds, and are null elsewhere: there they can't fail.

    Args:
        tokens: of the texts, all in one language.
        language: theirs.
        thresholds: rule name -> threshold, to know what can't fail.
    """
    columns: dict[str, Floats] = {f"top_{n}_gram": tokens.top(_size(n, language)) for n in TOP}
    shortest, *longer = DUPLICATE
    columns[f"duplicate_{shortest}_gram"] = base = tokens.duplicated(_size(shortest, language))
    lowest = min(thresholds[f"duplicate_{n}_gram"] for n in longer)
    suspects = np.flatnonzero(base > lowest)
    part = tokens.select(suspects)
    for n in longer:
        values = np.full(tokens.texts, np.nan)
        values[suspects] = part.duplicated(_size(n, language))[suspects]
        columns[f"duplicate_{n}_gram"] = values
    return pl.DataFrame(columns).fill_nan(None)


def _size(n: int, language: Language) -> int:
    return round(n * language.tokens_per_word)


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)
