"""Gopher's repetition rules with datatrove's numbers and decisions (arXiv:2112.11446, table A1)."""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule
from xl_assets.filters.measures.shares import as_columns, share
from xl_assets.filters.repetition import DUPLICATE, TOP
from xl_assets.filters.texts import Texts
from xl_assets.native.ngrams import duplicate_grams, joined_tokens, top_grams, word_tokens
from xl_assets.native.repetition import repeated_pieces

GOPHER_REPETITION = "Gopher repetition rules (arXiv:2112.11446, table A1), as datatrove 0.10 has them"

MEASURES: Mapping[str, str] = {
    "gopher_characters": "characters of the text",
    "gopher_duplicate_lines": "share of the lines that repeat an earlier one",
    "gopher_duplicate_line_characters": "share of the characters in such lines",
    "gopher_duplicate_paragraphs": "share of the paragraphs that repeat an earlier one",
    "gopher_duplicate_paragraph_characters": "share of the characters in such paragraphs",
    **{f"gopher_top_{n}_gram": f"share of the characters in the most frequent {n} words in a row" for n in TOP},
    **{f"gopher_duplicate_{n}_gram": f"share of the characters in {n} words seen before" for n in DUPLICATE},
}

RULES: tuple[Rule, ...] = (
    Rule("gopher_characters", "too_short", 1, True, GOPHER_REPETITION),
    Rule("gopher_duplicate_lines", "repetition", 0.3, False, GOPHER_REPETITION),
    Rule("gopher_duplicate_line_characters", "repetition", 0.2, False, GOPHER_REPETITION),
    Rule("gopher_duplicate_paragraphs", "repetition", 0.3, False, GOPHER_REPETITION),
    Rule("gopher_duplicate_paragraph_characters", "repetition", 0.2, False, GOPHER_REPETITION),
    *(Rule(f"gopher_top_{n}_gram", "repetition", most, False, GOPHER_REPETITION) for n, most in TOP.items()),
    *(
        Rule(f"gopher_duplicate_{n}_gram", "repetition", most, False, GOPHER_REPETITION)
        for n, most in DUPLICATE.items()
    ),
)


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`. Shares are of all characters of the text, its white space among them."""
    lines = repeated_pieces(texts.utf8, 1, blank=True)
    paragraphs = repeated_pieces(texts.utf8, 2, trim=True, blank=True)
    # Datatrove joins the words of its top n-grams with a space, those of the duplicated ones with nothing, and
    # takes the first n-gram for the most frequent one where none occurs twice.
    top = top_grams(word_tokens(texts.words), tuple(TOP), joint=1, least=1)
    duplicate = duplicate_grams(joined_tokens(texts.words), tuple(DUPLICATE), overlap=False)
    total = texts.characters
    values = {
        "gopher_characters": total,
        "gopher_duplicate_lines": share(lines.repeated, lines.pieces),
        "gopher_duplicate_line_characters": share(lines.repeated_characters, total),
        "gopher_duplicate_paragraphs": share(paragraphs.repeated, paragraphs.pieces),
        "gopher_duplicate_paragraph_characters": share(paragraphs.repeated_characters, total),
        **{f"gopher_top_{n}_gram": share(top[:, at], total) for at, n in enumerate(TOP)},
        **{f"gopher_duplicate_{n}_gram": share(duplicate[:, at], total) for at, n in enumerate(DUPLICATE)},
    }
    return as_columns(values, texts, wanted)
