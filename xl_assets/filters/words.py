"""What a word is, as Polars expressions: estimates where a script puts no spaces between words.

Rules and near duplicates count the words of `texts.Texts`, which a segmenter finds in such scripts. Where an
expression is needed, as for cutting passages, a character stands for a fixed part of a word.
"""

import polars as pl

from xl_assets.languages import Language

#: Scripts written without spaces between words: there every character is a token of its own.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"

#: Runs of letters, marks and digits (with the joiners of Indic and Arabic words), or one unspaced character.
TERM = rf"[{UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}\x{{200c}}\x{{200d}}]--[{UNSPACED}]]+"

_WORD = r"\S+"
_UNSPACED_WORD = rf"[{UNSPACED}]|[\S--[{UNSPACED}\x{{200b}}]]+"


def terms(text: str | pl.Expr) -> pl.Expr:
    """The text's words in small letters without punctuation, as a list; the same for every language."""
    return _expression(text).str.to_lowercase().str.extract_all(TERM)


def word_count(text: str | pl.Expr, language: Language) -> pl.Expr:
    """How many words a text has: what stands between spaces, or characters over characters a word (an estimate)."""
    pattern = _WORD if language.spaces_between_words else _UNSPACED_WORD
    return _expression(text).str.count_matches(pattern) / language.tokens_per_word


def _expression(text: str | pl.Expr) -> pl.Expr:
    return pl.col(text) if isinstance(text, str) else text
