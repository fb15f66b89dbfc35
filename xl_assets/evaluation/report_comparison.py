"""What changed since an earlier release: paired differences on the prompts that both were judged on."""

from dataclasses import dataclass

import polars as pl

from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.headline import headline_win_rates
from xl_assets.evaluation.report_data import EarlierRelease, ReportData
from xl_assets.evaluation.win_rate import DECIMALS, GROUP, prompt_preferences, win_rates

#: One row a model, kind and language: win rates in percent on the common prompts, their difference in points.
DIFFERENCES = pl.Schema(
    {
        "model": pl.String(),
        "kind": pl.String(),
        "language": pl.String(),
        "now": pl.Float64(),
        "then": pl.Float64(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "n": pl.Int64(),
        "of": pl.Int64(),
        "why": pl.String(),
    }
)


@dataclass(frozen=True)
class Comparison:
    """Of a release with an earlier one.

    Attributes:
        release: name of the earlier one.
        differences: a frame of ``DIFFERENCES``, by kind and model, the average over languages last.
        notes: what else differs between the two.
    """

    release: str
    differences: pl.DataFrame
    notes: tuple[str, ...]


def compare(data: ReportData, resampling: Resampling | None = None) -> Comparison | None:
    """Compare a release with the earlier one, prompt by prompt; None where there is none, or no common prompt.

    Args:
        data: with `earlier`.
        resampling: how intervals are made; at the report's confidence by default.
    """
    if data.earlier is None:
        return None
    found = paired_differences(
        data.judgements, data.earlier.judgements, resampling or Resampling(confidence=data.confidence)
    )
    if found.is_empty():
        return None
    return Comparison(data.earlier.release, found, (*data.earlier.notes, *_reference_note(data, data.earlier)))


def paired_differences(now: pl.DataFrame, then: pl.DataFrame, resampling: Resampling | None = None) -> pl.DataFrame:
    """Win rates now less those then, on the prompts of both, with an interval over clusters of prompts.

    Pairing takes away what prompts have in common (Miller, Adding Error Bars to Evals, 2024, section 4.2). Only
    languages and kinds whose prompts are the same in both are compared: other prompts would be another comparison.

    Args:
        now, then: rows of ``Judgement`` of one release each.
        resampling: of the interval.

    Returns:
        A frame of ``DIFFERENCES``, sorted. ``n`` of ``of`` prompts have a preference in both; below the least coverage
        the figures are null and ``why`` says so.
    """
    pairs = _pairs(now, then)
    if pairs.is_empty():
        return DIFFERENCES.to_frame()
    # A difference in [-1, 1], halved and put in the middle, is a preference in [1, 2]: what win rates do holds for it.
    change = 1.5 + (pl.col("preference") - pl.col("preference_then")) / 2
    sides = {"value": change, "now": pl.col("preference"), "then": pl.col("preference_then")}
    rated = {name: _rates(pairs, side, resampling or Resampling()) for name, side in sides.items()}
    joined = rated["value"].rename({"win_rate": "value"})
    for name in ("now", "then"):
        side = rated[name].select(*GROUP, pl.col("win_rate").alias(name))
        joined = joined.join(side, on=GROUP, maintain_order="left")
    counts = pl.col("prompts") + pl.col("invalid") + pl.col("missing")
    few = pl.format("only {} of {} prompts have a verdict in both releases", "prompts", counts)
    reason = pl.when(pl.col("why").is_not_null() & (pl.col("prompts") < counts)).then(few).otherwise("why")
    told = joined.with_columns(
        (pl.col("value", "low", "high") * 2 - 100).round(DECIMALS), n="prompts", of=counts, why=reason
    )
    return told.select(pl.col(name).cast(dtype) for name, dtype in DIFFERENCES.items())


def _pairs(now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """Preferences side by side, of the groups whose prompts are the same; ``_paired`` where both have one."""
    keys = ["model", "kind", "language", "cluster_id", "prompt_id"]
    earlier = prompt_preferences(then).select(*keys, "preference", pl.lit(True).alias("_then"))
    both = prompt_preferences(now).join(earlier, on=keys, how="full", coalesce=True, suffix="_then")
    alone = pl.col("release").is_null() | pl.col("_then").is_null()
    paired = pl.col("preference").is_not_null() & pl.col("preference_then").is_not_null()
    return both.filter(~alone.any().over("model", "kind", "language")).with_columns(paired.alias("_paired"))


def _rates(rows: pl.DataFrame, preference: pl.Expr, resampling: Resampling) -> pl.DataFrame:
    """Win rates of a column of preferences, which count only where a prompt has both sides."""
    outcome = pl.when("_paired").then(pl.lit("judged")).otherwise(pl.lit("missing"))
    counted = rows.select(
        *GROUP,
        "cluster_id",
        "prompt_id",
        pl.when("_paired").then(preference).alias("preference"),
        outcome.alias("outcome"),
    )
    return headline_win_rates(win_rates(counted, resampling), counted)


def _reference_note(data: ReportData, earlier: EarlierRelease) -> tuple[str, ...]:
    one = data.judgements.select("prompt_id", "reference_id").unique()
    other = earlier.judgements.select("prompt_id", pl.col("reference_id").alias("_then")).unique()
    common = one.join(other, on="prompt_id")
    changed = common.filter(pl.col("reference_id") != pl.col("_then")).height
    if not changed:
        return ()
    return (f"The reference's answers are others on {changed} of {common.height} prompts.",)
