"""Which win rates may stand for a model: none of which too few prompts have a verdict."""

import polars as pl

from xl_assets.evaluation.judges.coverage import LEAST_COVERAGE, coverage
from xl_assets.evaluation.naming import AVERAGE
from xl_assets.tables import WinRate, check_table

_GROUP = ["release", "model", "kind"]
_FIGURES = ("win_rate", "standard_error", "low", "high")


def headline_win_rates(rates: pl.DataFrame, judgements: pl.DataFrame, least: float = LEAST_COVERAGE) -> pl.DataFrame:
    """Withhold win rates over too few of the prompts, and say why.

    Args:
        rates: of `win_rates`.
        judgements: rows of ``Judgement`` that they were made from.
        least: share of prompts with a preference that a headline figure needs.

    Returns:
        ``WinRate`` in the order of `rates`. Where `why` is given ``win_rate``, its error and its interval are null;
        what the scored prompts alone would give stays in ``scored_only``. The average over languages needs the
        figure of each of them.
    """
    reasons = _why(judgements, least)
    joined = rates.drop("why").join(reasons, on=[*_GROUP, "language"], how="left", maintain_order="left")
    withheld = pl.col("why").is_not_null()
    shown = joined.with_columns(pl.when(~withheld).then(pl.col(name)).alias(name) for name in _FIGURES)
    return check_table(shown, WinRate)


def _why(judgements: pl.DataFrame, least: float) -> pl.DataFrame:
    """`why` of each model, kind and language, and of their average."""
    languages = coverage(judgements, [*_GROUP, "language"], ["prompt_id"], least).rename({"why_not": "why"})
    short = languages.filter(pl.col("why").is_not_null()).sort("language").group_by(_GROUP, maintain_order=True)
    named = short.agg(pl.format("no headline figure of {}", pl.col("language").str.join(", ")).alias("_named"))
    together = coverage(judgements, _GROUP, ["prompt_id"], least).join(named, on=_GROUP, how="left")
    average = together.with_columns(pl.coalesce("why_not", "_named").alias("why"), pl.lit(AVERAGE).alias("language"))
    columns = [*_GROUP, "language", "why"]
    return pl.concat([languages.select(columns), average.select(columns)])
