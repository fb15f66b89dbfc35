"""Directives: the sentence that asks for an answer in a language, one of several wordings."""

from collections.abc import Sequence

import polars as pl

from xl_assets.identity import content_address
from xl_assets.languages import get_language


def chosen_directive(languages: Sequence[str], *parts: str | pl.Expr) -> pl.Expr:
    """A wording from the pool of each row's ``language``, chosen by a hash and so never by row order.

    Args:
        languages: codes that occur in the column ``language``; the pools come from the registry.
        parts: what the choice hangs on, e.g. the id of the pair; the language always counts too.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    number = content_address("directive", *parts, "language").str.head(8).str.to_integer(base=16)
    wording = pl.lit(None, dtype=pl.String)
    for code in dict.fromkeys(languages):
        pool = get_language(code).directives
        picked = (number % len(pool)).replace_strict(list(range(len(pool))), list(pool), return_dtype=pl.String)
        wording = pl.when(pl.col("language") == code).then(picked).otherwise(wording)
    return wording


def with_directive(instruction: str = "instruction", directive: str = "directive") -> pl.Expr:
    """The instruction with its directive behind it; without white space where there is no directive."""
    return pl.concat_str(instruction, directive, separator=" ").str.strip_chars_end()
