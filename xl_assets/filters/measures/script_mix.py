"""Letters of scripts that the language is not written in, and words that mix look-alike letters."""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule
from xl_assets.filters.measures.shares import as_columns, share
from xl_assets.filters.texts import Texts
from xl_assets.native.scripts import count_scripts

#: Measured on NTREX: no letter of another script in nine languages in Latin script, at most 14 % in Hindi and 40 %
#: in Chinese, whose news spell foreign names in Latin letters; no mixed word in any.
HOUSE = "script shares of clean news (NTREX-128); Unicode's Script property"
CONFUSABLES = "mixed scripts as Unicode's security mechanisms see them (UTS #39, section 5.1)"

MEASURES: Mapping[str, str] = {
    "foreign_letters": "share of the letters that are of scripts other than the language's",
    "mixed_script_words": "share of the words that have letters of two of Latin, Cyrillic and Greek",
}

RULES: tuple[Rule, ...] = (
    Rule("foreign_letters", "wrong_script", 0.5, False, HOUSE),
    Rule("mixed_script_words", "mixed_scripts", 0.05, False, CONFUSABLES),
)


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`. Letters of no single script, such as µ, are foreign nowhere; a word is letters in a row."""
    counts = count_scripts(texts.utf8, texts.language.script_class)
    values = {
        "foreign_letters": share(counts.foreign, counts.letters),
        "mixed_script_words": share(counts.mixed, counts.words),
    }
    return as_columns(values, texts, wanted)
