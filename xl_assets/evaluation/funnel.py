"""Funnels: of every step and language, how many rows came in, how many were kept, and why the rest was not."""

import polars as pl

#: One row for each step and language, steps in the order of the pipeline. Kept and rejected add up to ``rows_in``.
FUNNEL = pl.Schema(
    {
        "step": pl.String(),
        "language": pl.String(),
        "rows_in": pl.Int64(),
        "kept": pl.Int64(),
        "rejected": pl.List(pl.Struct({"reason": pl.String(), "rows": pl.Int64()})),
    }
)


def rejections(funnel: pl.DataFrame) -> pl.DataFrame:
    """The funnel's rejected rows in long form: ``step``, ``language``, ``reason``, ``rows``."""
    return (
        funnel.filter(pl.col("rejected").list.len() > 0)
        .select("step", "language", "rejected")
        .explode("rejected")
        .unnest("rejected")
    )
