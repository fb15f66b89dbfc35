"""Signs of a wrong or broken decoding: replacement characters, and mojibake as `ftfy` sees it."""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule
from xl_assets.filters.measures.shares import as_columns, share
from xl_assets.filters.mojibake import badness
from xl_assets.filters.texts import Texts
from xl_assets.native.kinds import count_kinds

REPLACEMENT = "U+FFFD REPLACEMENT CHARACTER (The Unicode Standard, section 23.8)"
FTFY = "ftfy's heuristic `badness` (Speer 2019, doi:10.5281/zenodo.2591652)"

MEASURES: Mapping[str, str] = {
    "replacement_characters": "share of the characters that stand for bytes that could not be decoded",
    "mojibake": "places that look like mojibake, per character",
}

RULES: tuple[Rule, ...] = (
    Rule("replacement_characters", "replacement_characters", 0.001, False, REPLACEMENT),
    # ftfy takes any place for mojibake in a short string; clean news have up to 2 in 1,600 characters, German and
    # French mojibake has one place in 40 to 80.
    Rule("mojibake", "mojibake", 0.003, False, FTFY),
)


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`."""
    kinds = count_kinds(texts.utf8)
    values = {
        "replacement_characters": share(kinds.replaced, kinds.every),
        "mojibake": share(badness(texts.series), kinds.every) if "mojibake" in wanted else None,
    }
    return as_columns(values, texts, wanted)
