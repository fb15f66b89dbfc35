"""FineWeb's quality rules with datatrove's decisions (arXiv:2406.17557), and FineWeb2's selection of rules.

FineWeb2 (arXiv:2506.20920) takes Gopher's and FineWeb's rules with thresholds of each language: write them into the
registry's ``thresholds`` (`filters.deriving` computes them from a reference corpus). The set ``fineweb2`` has
FineWeb2's own rules, and its numbers for English where a language has none.
"""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule, set_of
from xl_assets.filters.measures.gopher_repetition import DUPLICATE, TOP
from xl_assets.filters.measures.punctuation import terminal_punctuation
from xl_assets.filters.measures.shares import as_columns, share
from xl_assets.filters.texts import Texts
from xl_assets.native.lines import split_lines
from xl_assets.native.repetition import repeated_pieces

FINEWEB = "FineWeb quality rules (arXiv:2406.17557, section 3.6), as datatrove 0.10 has them"

#: A line of at most so many characters is short.
SHORT_LINE = 30

MEASURES: Mapping[str, str] = {
    "fineweb_lines": "lines that are not blank",
    "fineweb_line_punctuation": "share of those lines that end in a character at which a sentence can end",
    "fineweb_short_lines": f"share of those lines that have at most {SHORT_LINE} characters",
    "fineweb_duplicate_characters": "share of the characters, line feeds apart, in lines that repeat an earlier one",
    "fineweb_line_breaks": "line feeds per word",
}

RULES: tuple[Rule, ...] = (
    Rule("fineweb_lines", "empty", 1, True, FINEWEB),
    Rule("fineweb_line_punctuation", "line_punctuation", 0.12, True, FINEWEB),
    Rule("fineweb_short_lines", "short_lines", 0.67, False, FINEWEB),
    Rule("fineweb_duplicate_characters", "repetition", 0.01, False, FINEWEB),
    Rule("fineweb_line_breaks", "line_breaks", 0.3, False, FINEWEB),
)

#: What FineWeb2's published configurations give for each language, with the English thresholds.
FINEWEB2_ADAPTED: Mapping[str, float] = {
    "fineweb_line_punctuation": 0.12,
    "fineweb_line_breaks": 0.3,
    "gopher_duplicate_lines": 0.3,
    **{f"gopher_top_{n}_gram": most for n, most in TOP.items()},
    **{f"gopher_duplicate_{n}_gram": most for n, most in DUPLICATE.items()},
    "gopher_mean_word_length": 3,
    "gopher_mean_word_length_most": 10,
    "gopher_alphabetic_words": 0.8,
}

#: FineWeb2's filters as its published pipeline sets them up: no short lines, no paragraphs, duplicate characters 0.1.
FINEWEB2: Mapping[str, float] = {
    **FINEWEB2_ADAPTED,
    "fineweb_lines": 1,
    "fineweb_duplicate_characters": 0.1,
    "gopher_words": 50,
    "gopher_words_most": 100_000,
    "gopher_hashes": 0.1,
    "gopher_ellipses": 0.1,
    "gopher_bullet_lines": 0.9,
    "gopher_ellipsis_lines": 0.3,
    "gopher_stop_words": 2,
}

SETS: Mapping[str, Mapping[str, float]] = {"fineweb": set_of(RULES), "fineweb2": FINEWEB2}


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`. A text of blank lines has no shares."""
    lines = split_lines(texts.utf8)
    filled = lines.filled
    count = lines.per_text(filled)
    feeds = lines.offsets[1:] - lines.offsets[:-1] - 1
    repeated = repeated_pieces(texts.utf8, 1).repeated_characters
    words = texts.words.offsets[1:] - texts.words.offsets[:-1]
    values = {
        "fineweb_lines": count,
        "fineweb_line_punctuation": share(lines.per_text(filled & terminal_punctuation()[lines.last]), count),
        "fineweb_short_lines": share(lines.per_text(filled & (lines.length <= SHORT_LINE)), count),
        "fineweb_duplicate_characters": share(repeated, texts.characters - feeds),
        "fineweb_line_breaks": share(feeds, words),
    }
    return as_columns(values, texts, wanted)
