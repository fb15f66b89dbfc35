"""Keeping the best share of a language's documents: exactly that share, whatever the order or size of the batches."""

import math

import polars as pl

from xl_assets.filters.reasons import add_reasons
from xl_assets.quality.settings import QualityError, QualitySettings, check_share

#: What a document gets whose score is below its language's threshold.
REASON = "low_quality"

#: Name of the rule in `metrics`.
RULE = "quality"

#: Bins a unit of log odds: fine at both ends of [0, 1], where classifiers put most documents.
_FINENESS = 2048

#: Columns of `share_cutoffs`: the worst kept row of a language has score `threshold` and id `last_id`.
CUTOFF = {
    "language": pl.String,
    "scored": pl.Int64,
    "wanted": pl.Int64,
    "threshold": pl.Float64,
    "last_id": pl.String,
}


def select_top_share(
    frame: pl.DataFrame, share: float | QualitySettings, by: str = "quality", document_id: str = "document_id"
) -> pl.DataFrame:
    """Keep the best share of each language; the others get the reason ``low_quality``.

    The share is of the rows that are kept so far and have a score. Rows without a score are not judged. Where the
    frame has `metrics`, each scored row gets the entry ``quality`` with its value and the language's threshold.

    Args:
        frame: rows of a whole partition with ``language``, an id and a score in [0, 1]; for a partition in batches
            see `share_cutoffs` and `apply_cutoffs`.
        share: above 0 and at most 1; or settings with a share by language.
        by: column of the score; a higher one is better.
        document_id: column that decides among equal scores: the smaller id is kept.

    Raises:
        QualityError: a share or a score out of range.
    """
    return apply_cutoffs(frame, share_cutoffs(frame.lazy(), share, by, document_id), by, document_id)


def share_cutoffs(
    scored: pl.LazyFrame, share: float | QualitySettings, by: str = "quality", document_id: str = "document_id"
) -> pl.DataFrame:
    """Find where each language's best share ends, in two passes over the scores.

    The first counts the scores in narrow bins, the second reads only the rows of the bin that the share ends in: so
    a partition that is scanned from files is never held whole, unless all its scores are equal.

    Args:
        scored: as for `select_top_share`, e.g. scanned from Parquet.
        share: as for `select_top_share`.
        by: column of the score.
        document_id: column of the id.

    Returns:
        One row a language with at least one scored row, columns as in ``CUTOFF``.

    Raises:
        QualityError: a share or a score out of range.
    """
    settings = share if isinstance(share, QualitySettings) else QualitySettings(check_share(share))
    candidates = scored.filter(pl.col("kept")) if "kept" in scored.collect_schema() else scored
    rows = candidates.filter(pl.col(by).is_not_null()).select(
        "language", pl.col(by).cast(pl.Float64).alias("score"), pl.col(document_id).alias("id")
    )
    edges = _edges(rows, settings)
    return (
        rows.with_columns(_bin().alias("bin"))
        .join(edges.lazy(), on=["language", "bin"])
        .collect(engine="streaming")
        .sort("language", "score", "id", descending=[False, True, False])
        .with_columns(pl.int_range(pl.len()).over("language").alias("place"))
        .filter(pl.col("place") == pl.col("wanted") - pl.col("above") - 1)
        .select("language", "scored", "wanted", pl.col("score").alias("threshold"), pl.col("id").alias("last_id"))
        .cast(CUTOFF)  # type: ignore[arg-type]
    )


def apply_cutoffs(
    frame: pl.DataFrame, cutoffs: pl.DataFrame, by: str = "quality", document_id: str = "document_id"
) -> pl.DataFrame:
    """Judge rows by their language's cutoff; a language without one is not judged. See `select_top_share`."""
    joined = frame.join(
        cutoffs.select("language", pl.col("threshold").alias("_threshold"), pl.col("last_id").alias("_last_id")),
        on="language",
        how="left",
        maintain_order="left",
    )
    score, threshold = pl.col(by).cast(pl.Float64), pl.col("_threshold")
    behind = (score < threshold) | ((score == threshold) & (pl.col(document_id) > pl.col("_last_id")))
    judged = add_reasons(joined, {REASON: behind})
    if "metrics" in frame.columns:
        judged = judged.with_columns(_with_metric(score, threshold, frame.schema["metrics"]))
    return judged.drop("_threshold", "_last_id")


def _edges(rows: pl.LazyFrame, settings: QualitySettings) -> pl.DataFrame:
    """Language, the bin that its share ends in, how many rows are in better bins, how many are wanted in all."""
    counted = rows.group_by("language", _bin().alias("bin")).agg(
        pl.len().cast(pl.Int64).alias("rows"), pl.col("score").min().alias("low"), pl.col("score").max().alias("high")
    )
    bins = counted.collect(engine="streaming").sort("language", "bin", descending=[False, True])
    if bins.filter(~(pl.col("low").ge(0) & pl.col("high").le(1) & pl.col("high").is_not_nan())).height:
        raise QualityError("scores to select by must lie in [0, 1]; give a column of probabilities, such as quality")
    totals = {code: int(count) for code, count in bins.group_by("language").agg(pl.col("rows").sum()).rows()}
    # The small subtraction keeps 0.1 * 30 from being 4 rows by a float's last digit.
    wanted = {code: math.ceil(settings.share_of(code) * count - 1e-9) for code, count in totals.items()}
    above = pl.col("rows").cum_sum().over("language") - pl.col("rows")
    return (
        bins.with_columns(
            above.alias("above"),
            _looked_up(wanted).alias("wanted"),
            _looked_up(totals).alias("scored"),
        )
        .filter((pl.col("above") < pl.col("wanted")) & (pl.col("above") + pl.col("rows") >= pl.col("wanted")))
        .select("language", "bin", "above", "wanted", "scored")
    )


def _bin() -> pl.Expr:
    inside = pl.col("score").clip(1e-12, 1 - 1e-12)
    return ((inside / (1 - inside)).log() * _FINENESS).floor().cast(pl.Int64, strict=False)


def _looked_up(counts: dict[str, int]) -> pl.Expr:
    return pl.col("language").replace_strict(counts, default=None, return_dtype=pl.Int64)


def _with_metric(score: pl.Expr, threshold: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    entry = pl.struct(rule=pl.lit(RULE), value=score, threshold=threshold)
    judged = score.is_not_null() & threshold.is_not_null()
    added = pl.when(judged).then(pl.concat_list("metrics", pl.concat_list(entry).cast(dtype))).otherwise("metrics")
    return added.alias("metrics")
