"""Gopher's quality rules with datatrove's numbers and decisions (arXiv:2112.11446, A1.1).

What a word is comes from `Texts.words`: white-space words, or a segmenter's in scripts without spaces.
"""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule, set_of
from xl_assets.filters.measures.punctuation import gopher_punctuation
from xl_assets.filters.measures.shares import as_columns, share, word_hashes
from xl_assets.filters.texts import Texts
from xl_assets.languages import Language
from xl_assets.native.quality import count_marks, count_members, count_words

GOPHER = "Gopher quality rules (arXiv:2112.11446, A1.1), as datatrove 0.10 has them"

#: The paper's stop words; they are for English.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")

MEASURES: Mapping[str, str] = {
    "gopher_words": "words that are not punctuation alone",
    "gopher_mean_word_length": "mean characters of those words",
    "gopher_hashes": "hash signs per word",
    "gopher_ellipses": "ellipses (... or …) per word",
    "gopher_bullet_lines": "share of the lines that begin with a bullet (• or -)",
    "gopher_ellipsis_lines": "share of the lines that end in an ellipsis",
    "gopher_alphabetic_words": "share of the words that have a letter",
    "gopher_stop_words": "different stop words in the text; the paper's for English, the registry's elsewhere",
}

RULES: tuple[Rule, ...] = (
    Rule("gopher_words", "too_short", 50, True, GOPHER),
    Rule("gopher_words_most", "too_long", 100_000, False, GOPHER, "gopher_words"),
    Rule("gopher_mean_word_length", "word_length", 3, True, GOPHER),
    Rule("gopher_mean_word_length_most", "word_length", 10, False, GOPHER, "gopher_mean_word_length"),
    Rule("gopher_hashes", "symbols", 0.1, False, GOPHER),
    Rule("gopher_ellipses", "symbols", 0.1, False, GOPHER),
    Rule("gopher_bullet_lines", "bullets", 0.9, False, GOPHER),
    Rule("gopher_ellipsis_lines", "ellipses", 0.3, False, GOPHER),
    Rule("gopher_alphabetic_words", "symbols", 0.8, True, GOPHER),
    Rule("gopher_stop_words", "stop_words", 2, True, GOPHER),
)

SETS = {"gopher_quality": set_of(RULES)}


def stop_words_of(language: Language) -> tuple[str, ...]:
    """Return the stop words that the rule looks for: the paper's in English, the registry's elsewhere."""
    return STOP_WORDS if language.code == "en" else language.stop_words


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`."""
    words = texts.words
    every = words.offsets[1:] - words.offsets[:-1]
    kinds = count_words(texts.utf8, words, gopher_punctuation())
    marks = count_marks(texts.utf8, "•-")
    stop_words = stop_words_of(texts.language)
    stops = count_members(words.offsets, words.hash, word_hashes(stop_words)).distinct if stop_words else None
    values = {
        "gopher_words": kinds.worded,
        "gopher_mean_word_length": share(kinds.worded_characters, kinds.worded),
        "gopher_hashes": share(marks.hashes, every),
        "gopher_ellipses": share(marks.ellipses, every),
        "gopher_bullet_lines": share(marks.bullet_lines, marks.lines),
        "gopher_ellipsis_lines": share(marks.ellipsis_lines, marks.lines),
        "gopher_alphabetic_words": share(kinds.alphabetic, every),
        "gopher_stop_words": stops,
    }
    return as_columns(values, texts, wanted)
