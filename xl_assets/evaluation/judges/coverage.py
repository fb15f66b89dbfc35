"""Coverage: how much of what was to be judged has a verdict, and whether that is enough for a headline figure."""

from collections.abc import Sequence

import polars as pl

from xl_assets.evaluation.scores.win_rate import LEAST_COVERAGE

__all__ = ["LEAST_COVERAGE", "coverage"]

_COUNTS = {"n_total": pl.Int64, "n_scored": pl.Int64, "n_missing": pl.Int64, "n_invalid": pl.Int64}


def coverage(
    judgements: pl.DataFrame,
    by: Sequence[str] = (),
    unit: Sequence[str] = ("response_id",),
    least: float = LEAST_COVERAGE,
) -> pl.DataFrame:
    """Count what was scored, what is missing and what is invalid, and say whether a headline figure may stand.

    A unit (a pair, which may be judged in two orders) counts as scored only where each of its rows has a preference:
    with one order alone the judge's liking for a position would not cancel out.

    Args:
        judgements: ``outcome`` and ``preference`` of ``PairVerdict`` or ``Judgement``, the columns of `unit` and
            `by`, and ``reason`` where it is known.
        by: columns to count apart by, e.g. ``model``, ``language``.
        unit: columns that name what is scored once.
        least: share of scored units below which there is no headline figure.

    Returns:
        One row a group (one for all without `by`), sorted: the columns of `by`, ``n_total`` = ``n_scored`` +
        ``n_missing`` + ``n_invalid``, ``coverage`` (null where there is nothing), ``reasons`` (list of struct
        reason, n, most frequent first), ``headline``, and ``why_not``, null where the headline may stand.
    """
    units = _units(judgements, [*by], [*dict.fromkeys([*by, *unit])])
    counted = _counts(units, [*by]).join(_reasons(units, [*by]), on=_key(by), how="left", nulls_equal=True)
    share = pl.when(pl.col("n_total") > 0).then(pl.col("n_scored") / pl.col("n_total"))
    return (
        counted.with_columns(share.alias("coverage"))
        # The share is compared, not a count with a product: 0.99 * 700 is above 693 by rounding.
        .with_columns((share >= least).fill_null(False).alias("headline"))
        .with_columns(_why_not(least).alias("why_not"))
        .with_columns(pl.col("reasons").fill_null([]))
        .sort(_key(by))
        .select(*by, *_COUNTS, "coverage", "reasons", "headline", "why_not")
    )


def _units(judgements: pl.DataFrame, by: list[str], keys: list[str]) -> pl.DataFrame:
    reason = pl.col("reason") if "reason" in judgements.columns else pl.lit(None, dtype=pl.String).alias("reason")
    rows = judgements.select(*keys, pl.col("outcome").cast(pl.String), "preference", reason)
    unscored = pl.col("preference").is_null()
    missing = (unscored & (pl.col("outcome") == "missing")).any()
    told = pl.coalesce("reason", pl.lit("unknown"))
    kind = pl.when(missing).then(pl.lit("missing")).when(unscored.any()).then(pl.lit("invalid"))
    first_reason = told.filter(unscored).sort().first()
    return rows.group_by(keys).agg(kind.otherwise(pl.lit("scored")).alias("_kind"), first_reason.alias("_reason"))


def _counts(units: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    counts = [
        pl.len().cast(pl.Int64).alias("n_total"),
        *(
            (pl.col("_kind") == kind).sum().cast(pl.Int64).alias(f"n_{kind}")
            for kind in ("scored", "missing", "invalid")
        ),
    ]
    return units.group_by(by).agg(counts) if by else units.select(pl.lit(0).alias(_ALL).first(), *counts)


def _reasons(units: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    key = by or [_ALL]
    unscored = units.filter(pl.col("_kind") != "scored").with_columns(pl.lit(0, dtype=pl.Int32).alias(_ALL))
    counts = unscored.group_by(*key, "_reason").agg(pl.len().cast(pl.Int64).alias("n"))
    ranked = counts.sort(["n", "_reason"], descending=[True, False])
    told = pl.concat_str("_reason", pl.lit(" "), pl.col("n").cast(pl.String)).str.join(", ").alias("_told")
    listed = pl.struct(pl.col("_reason").alias("reason"), "n").alias("reasons")
    return ranked.group_by(key, maintain_order=True).agg(listed, told)


#: Stands for `by` where there is none.
_ALL = "_all"


def _key(by: Sequence[str]) -> list[str]:
    return [*by] or [_ALL]


def _why_not(least: float) -> pl.Expr:
    # Rounded down: 98.999 % must not read as the 99 % that it lacks.
    percent = ((10_000 * pl.col("coverage")).floor() / 100).cast(pl.String)
    too_few = pl.format(
        "{} of {} pairs have a verdict ({} %), fewer than {} %: {} missing, {} invalid ({})",
        "n_scored",
        "n_total",
        percent,
        pl.lit(f"{100 * least:g}"),
        "n_missing",
        "n_invalid",
        pl.coalesce("_told", pl.lit("no reason known")),
    )
    nothing = pl.when(pl.col("n_total") == 0).then(pl.lit("nothing was judged"))
    return pl.coalesce(nothing, pl.when(~pl.col("headline")).then(too_few))
