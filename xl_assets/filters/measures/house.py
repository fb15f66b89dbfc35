"""This project's own rules: Gopher's ideas made fit for short news in any of the registry's languages.

Unlike datatrove's, shares are of terms (a word's letters, marks and digits in small letters) and their characters;
an n-gram that overlaps an earlier repeat counts too, each character once; blank lines are no lines.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from xl_assets.filters.measures.family import Rule
from xl_assets.filters.measures.shares import as_columns, share, word_hashes
from xl_assets.filters.repetition import DUPLICATE, TOP
from xl_assets.filters.texts import Texts
from xl_assets.native.characters import PUNCTUATION, SYMBOL, characters
from xl_assets.native.ngrams import duplicate_grams, term_tokens, top_grams
from xl_assets.native.quality import count_marks, count_members, count_words
from xl_assets.native.repetition import repeated_pieces

GOPHER = "Gopher quality rules (arXiv:2112.11446, A1.1)"
GOPHER_REPETITION = "Gopher repetition rules (arXiv:2112.11446, table A1)"
CULTURAX = "CulturaX metrics (arXiv:2309.09400, section 3)"

BULLETS = "-•*‣▪●◦·–"

MEASURES: Mapping[str, str] = {
    "words": "words that are not punctuation alone",
    "mean_word_length": "mean characters of a term; unknown in scripts without spaces",
    "alphabetic_words": "share of the words that have a letter",
    "symbols_per_word": "hash signs and ellipses per word",
    "symbol_share": "share of the characters but white space that are neither letter, mark nor digit",
    "bullet_lines": "share of the lines that begin with a bullet",
    "ellipsis_lines": "share of the lines that end in an ellipsis",
    "stop_word_share": "share of the terms that are stop words; unknown without a list of them",
    "duplicate_lines": "share of the lines that repeat an earlier one",
    "duplicate_line_characters": "share of the lines' characters in such lines",
    "duplicate_paragraphs": "share of the paragraphs that repeat an earlier one",
    "duplicate_paragraph_characters": "share of the paragraphs' characters in such paragraphs",
    **{f"top_{n}_gram": f"share of the terms' characters in the most frequent {n} terms in a row" for n in TOP},
    **{f"duplicate_{n}_gram": f"share of the terms' characters in {n} terms seen before" for n in DUPLICATE},
}

RULES: tuple[Rule, ...] = (
    # Gopher asks for 50 words; its texts are English web pages, ours may be short news in compounding languages.
    Rule("words", "too_short", 20, True, GOPHER),
    Rule("words_most", "too_long", 100_000, False, GOPHER, "words"),
    Rule("mean_word_length", "word_length", 3, True, GOPHER),
    # Gopher: 10, for English. Finnish and Hungarian words are longer.
    Rule("mean_word_length_most", "word_length", 12, False, GOPHER, "mean_word_length"),
    Rule("alphabetic_words", "symbols", 0.7, True, GOPHER),
    Rule("symbols_per_word", "symbols", 0.1, False, GOPHER),
    Rule("symbol_share", "symbols", 0.3, False, CULTURAX),
    Rule("bullet_lines", "bullets", 0.9, False, GOPHER),
    Rule("ellipsis_lines", "ellipses", 0.3, False, GOPHER),
    Rule("stop_word_share", "stop_words", 0.06, True, CULTURAX),
    Rule("duplicate_lines", "repetition", 0.3, False, GOPHER_REPETITION),
    Rule("duplicate_line_characters", "repetition", 0.2, False, GOPHER_REPETITION),
    Rule("duplicate_paragraphs", "repetition", 0.3, False, GOPHER_REPETITION),
    Rule("duplicate_paragraph_characters", "repetition", 0.2, False, GOPHER_REPETITION),
    *(Rule(f"top_{n}_gram", "repetition", most, False, GOPHER_REPETITION) for n, most in TOP.items()),
    *(Rule(f"duplicate_{n}_gram", "repetition", most, False, GOPHER_REPETITION) for n, most in DUPLICATE.items()),
)


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`. Texts are normalised: line feeds are their only line ends."""
    values = _of_words_and_lines(texts)
    if not wanted <= set(values):
        values |= _of_repetition(texts)
    return as_columns(values, texts, wanted)


def _of_words_and_lines(texts: Texts) -> dict[str, ArrayLike | None]:
    words, language = texts.words, texts.language
    kinds = count_words(texts.utf8, words, _punctuation())
    marks = count_marks(texts.utf8, BULLETS)
    # A segmenter gives every comma as a word of its own; a writer of spaces who sets one apart means it.
    every = words.offsets[1:] - words.offsets[:-1] if language.spaces_between_words else kinds.worded
    return {
        "words": kinds.worded,
        "alphabetic_words": share(kinds.alphabetic, every),
        "symbols_per_word": share(marks.hashes + marks.ellipses, kinds.worded),
        "symbol_share": share(marks.symbols, marks.written),
        "bullet_lines": share(marks.bullet_lines, marks.filled_lines),
        "ellipsis_lines": share(marks.ellipsis_lines, marks.filled_lines),
    }


def _of_repetition(texts: Texts) -> dict[str, ArrayLike | None]:
    lines, paragraphs = repeated_pieces(texts.utf8, 1), repeated_pieces(texts.utf8, 2)
    tokens = term_tokens(texts.words)
    top = top_grams(tokens, tuple(TOP), joint=0, least=2)
    duplicate = duplicate_grams(tokens, tuple(DUPLICATE), overlap=True)
    ends = np.concatenate([[0], np.cumsum(tokens.length)])[tokens.offsets]
    total, count = ends[1:] - ends[:-1], tokens.offsets[1:] - tokens.offsets[:-1]
    language = texts.language
    stops = word_hashes(language.stop_words, terms=True)
    return {
        # A word of one or two characters is the rule in scripts without spaces.
        "mean_word_length": share(total, count) if language.spaces_between_words else None,
        "stop_word_share": share(count_members(tokens.offsets, tokens.value, stops).occurrences, count)
        if language.stop_words
        else None,
        "duplicate_lines": share(lines.repeated, lines.pieces),
        "duplicate_line_characters": share(lines.repeated_characters, lines.characters),
        "duplicate_paragraphs": share(paragraphs.repeated, paragraphs.pieces),
        "duplicate_paragraph_characters": share(paragraphs.repeated_characters, paragraphs.characters),
        # Overlapping occurrences ("ha ha ha") can cover a character twice.
        **{f"top_{n}_gram": np.minimum(_in_terms(top[:, at], total), 1) for at, n in enumerate(TOP)},
        **{f"duplicate_{n}_gram": _in_terms(duplicate[:, at], total) for at, n in enumerate(DUPLICATE)},
    }


def _in_terms(part: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    return part / np.maximum(total, 1)


@cache
def _punctuation() -> NDArray[np.bool_]:
    return characters().classes & (PUNCTUATION | SYMBOL) != 0
