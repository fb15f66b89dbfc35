"""Funnels: of every step and language, how many rows came in, how many were kept, and why the rest was not."""

from collections.abc import Mapping

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


def funnel_rows(steps: Mapping[str, pl.DataFrame], language: str = "en") -> pl.DataFrame:
    """Count the rows of filtered tables.

    A row with several reasons counts once, under its first: the first rule that it broke.

    Args:
        steps: name of the step -> its table, with ``kept`` and ``reasons``, in the pipeline's order.
        language: of tables without a column ``language``.

    Returns:
        A frame of ``FUNNEL``, sorted by language within a step; reasons sorted from frequent to rare.
    """
    counted = [_count(step, frame, language) for step, frame in steps.items()]
    return pl.concat([pl.DataFrame(schema=FUNNEL), *counted])


def reading_funnel(documents: pl.DataFrame, quarantined: pl.DataFrame, step: str = "seed_documents") -> pl.DataFrame:
    """The first funnel: lines that became documents (``SeedDocument``) and lines that did not (``QuarantinedLine``)."""
    no_reason = pl.lit([], dtype=pl.List(pl.String))
    read = documents.select("language", pl.lit(True).alias("kept"), no_reason.alias("reasons"))
    lost = quarantined.select("language", pl.lit(False).alias("kept"), pl.concat_list("reason").alias("reasons"))
    return funnel_rows({step: pl.concat([read, lost])})


def rejections(funnel: pl.DataFrame) -> pl.DataFrame:
    """The funnel's rejected rows in long form: ``step``, ``language``, ``reason``, ``rows``."""
    return (
        funnel.filter(pl.col("rejected").list.len() > 0)
        .select("step", "language", "rejected")
        .explode("rejected")
        .unnest("rejected")
    )


def _count(step: str, frame: pl.DataFrame, language: str) -> pl.DataFrame:
    own = pl.col("language") if "language" in frame.columns else pl.lit(language)
    rows = frame.select(own.alias("language"), "kept", pl.col("reasons").list.first().alias("reason"))
    totals = rows.group_by("language").agg(pl.len().alias("rows_in"), pl.col("kept").sum())
    reasons = (
        rows.filter(~pl.col("kept"))
        .group_by("language", "reason")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .sort("language", "rows", "reason", descending=[False, True, False])
        .group_by("language", maintain_order=True)
        .agg(pl.struct("reason", "rows").alias("rejected"))
    )
    no_rejection = pl.lit([], dtype=FUNNEL["rejected"])
    return (
        totals.join(reasons, on="language", how="left")
        .with_columns(pl.lit(step).alias("step"), pl.coalesce("rejected", no_rejection))
        .select(pl.col(name).cast(dtype) for name, dtype in FUNNEL.items())
        .sort("language")
    )
