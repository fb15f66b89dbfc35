"""CulturaX's metrics (arXiv:2309.09400, section 2), most of them ROOTS' (arXiv:2303.03915).

CulturaX publishes no thresholds: it takes them, per language and metric, from the distribution in the data
(`filters.deriving.percentile_thresholds`). The numbers here are ROOTS' defaults; where ROOTS has none, a bound that
nothing breaks, so that the metric is recorded and a threshold can be derived.

Special characters are told by their Unicode class, not by ROOTS' list of them (`docs/agreement.md`).
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from xl_assets.filters.flagged_words import flagged_terms
from xl_assets.filters.measures.family import Rule, set_of
from xl_assets.filters.measures.shares import as_columns, share, word_hashes
from xl_assets.filters.texts import Texts
from xl_assets.native.character_repetition import character_repetition, word_repetition
from xl_assets.native.kinds import count_kinds
from xl_assets.native.lines import split_lines
from xl_assets.native.quality import count_members

CULTURAX = "CulturaX metrics (arXiv:2309.09400, section 2)"
ROOTS = "CulturaX metrics (arXiv:2309.09400, section 2) with ROOTS' default (arXiv:2303.03915)"
NUMBERS = "share of digits, after NeMo Curator's NumbersFilter"

#: A line of at most so many characters is short.
SHORT_LINE = 100

#: How many characters, and how many terms, in a row are compared.
_CHARACTERS, _TERMS = 10, 5

MEASURES: Mapping[str, str] = {
    "culturax_characters": "characters of the text",
    "culturax_lines": "lines that are not blank",
    "culturax_words": "words with a letter, mark or digit",
    "culturax_character_repetition": f"share of the {_CHARACTERS} characters in a row that are among the most frequent",
    "culturax_word_repetition": f"share of the {_TERMS} terms in a row that occur more than once",
    "culturax_special_characters": "share of the characters that are neither letter nor mark; white space is special",
    "culturax_numbers": "share of the characters but white space that are digits",
    "culturax_stop_words": "share of the terms that are stop words; unknown without a list of them",
    "culturax_flagged_words": "share of the terms that are flagged words; unknown without a list of them",
    "culturax_short_lines": f"share of the lines that have at most {SHORT_LINE} characters",
    "culturax_short_line_characters": "share of the lines' characters that are in such lines",
}

RULES: tuple[Rule, ...] = (
    Rule("culturax_characters", "too_short", 0, True, CULTURAX),
    Rule("culturax_lines", "too_short", 0, True, CULTURAX),
    Rule("culturax_words", "too_short", 10, True, ROOTS),
    Rule("culturax_words_most", "too_long", 100_000, False, ROOTS, "culturax_words"),
    Rule("culturax_character_repetition", "repetition", 0.2, False, ROOTS),
    Rule("culturax_word_repetition", "repetition", 0.3, False, ROOTS),
    Rule("culturax_special_characters", "symbols", 0.4, False, ROOTS),
    Rule("culturax_numbers", "symbols", 0.15, False, NUMBERS),
    # ROOTS: 0.1, with lists of stop words several times as long as the registry's.
    Rule("culturax_stop_words", "stop_words", 0.04, True, CULTURAX),
    Rule("culturax_flagged_words", "flagged_words", 0.1, False, ROOTS),
    Rule("culturax_short_lines", "short_lines", 1, False, CULTURAX),
    Rule("culturax_short_line_characters", "short_lines", 1, False, CULTURAX),
)

SETS: Mapping[str, Mapping[str, float]] = {"culturax": set_of(RULES)}


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`. A repetition of a text that is too short for one n-gram is null."""
    kinds, lines = count_kinds(texts.utf8), split_lines(texts.utf8)
    short = lines.filled & (lines.length <= SHORT_LINE)
    values = {
        "culturax_characters": kinds.every,
        "culturax_lines": lines.per_text(lines.filled),
        "culturax_special_characters": share(kinds.every - kinds.worded, kinds.every),
        "culturax_numbers": share(kinds.numbers, kinds.every - kinds.spaces),
        "culturax_short_lines": share(lines.per_text(short), lines.per_text(lines.filled)),
        "culturax_short_line_characters": share(lines.per_text(short * lines.length), lines.per_text(lines.length)),
        **_of_terms(texts),
    }
    if "culturax_character_repetition" in wanted:
        values["culturax_character_repetition"] = character_repetition(texts.utf8, _CHARACTERS)
    return as_columns(values, texts, wanted)


def _of_terms(texts: Texts) -> dict[str, ArrayLike | None]:
    words = texts.words
    named = words.term != 0
    terms, offsets = words.term[named], np.concatenate([[0], np.cumsum(named)])[words.offsets]
    count = offsets[1:] - offsets[:-1]
    stops = word_hashes(texts.language.stop_words, terms=True) if texts.language.stop_words else None
    flagged = flagged_terms(texts.language)
    return {
        "culturax_words": count,
        "culturax_word_repetition": word_repetition(offsets, terms, _TERMS),
        "culturax_stop_words": None
        if stops is None
        else share(count_members(offsets, terms, stops).occurrences, count),
        "culturax_flagged_words": None
        if flagged is None
        else share(count_members(offsets, terms, flagged).occurrences, count),
    }
