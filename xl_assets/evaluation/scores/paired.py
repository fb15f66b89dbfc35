"""The difference of two models on the same prompts."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.scores import ScoreError, intervals
from xl_assets.evaluation.scores.intervals import Interval, resampled, rounded
from xl_assets.evaluation.scores.win_rate import names


@dataclass(frozen=True)
class PairedDifference:
    """The first model's win rate less the second's, on prompts where both have a preference.

    Attributes:
        difference: percentage points.
        standard_error: 100 sd(ddof=1) / sqrt(n) of the prompts' differences; null for one prompt.
        interval: percentile interval of the difference, prompts drawn.
        win_rate, win_rate_2: of both on these prompts, percent; a prompt's several rows count as their mean.
        n_prompts: those of both; `n_only`, `n_only_2` those with a preference in one of them only.
        model, model_2, reference, reference_2: names.
        note: what makes the difference hard to read, if anything.
    """

    difference: float
    standard_error: float | None
    interval: Interval | None
    win_rate: float
    win_rate_2: float
    n_prompts: int
    n_only: int
    n_only_2: int
    model: list[str]
    model_2: list[str]
    reference: list[str]
    reference_2: list[str]
    note: str | None


def paired_difference(
    first: pl.DataFrame, second: pl.DataFrame, resampling: Resampling = intervals.DEFAULT
) -> PairedDifference:
    """Compare two models that were judged against a reference.

    Pairing takes away what prompts have in common (Miller, Adding Error Bars to Evals, 2024, section 4.2): the
    interval of the difference is narrower than those of the rates tell.

    Args:
        first, second: annotations; see `scores.win_rate.score_win_rate`.
        resampling: how the interval is made.

    Raises:
        ScoreError: they have no prompt with a preference in common.
    """
    both = _prompts(first).join(_prompts(second), on="instruction", how="full", coalesce=True, suffix="_2")
    common = both.drop_nulls().sort("instruction")
    if common.is_empty():
        raise ScoreError("the two have no instruction with a preference in common; compare models on the same prompts")
    rates = 100 * (common.select("preference", "preference_2").to_numpy() - 1)
    differences = rates[:, 0] - rates[:, 1]
    sums = resampled(np.column_stack([differences, np.ones_like(differences)]), resampling)
    count = len(differences)
    references = names(first, "generator_1"), names(second, "generator_1")
    return PairedDifference(
        difference=rounded(differences.mean()),
        standard_error=rounded(differences.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
        interval=intervals.interval(sums[:, 0] / sums[:, 1], resampling),
        win_rate=rounded(rates[:, 0].mean()),
        win_rate_2=rounded(rates[:, 1].mean()),
        n_prompts=count,
        n_only=both["preference_2"].null_count(),
        n_only_2=both["preference"].null_count(),
        model=names(first, "generator_2"),
        model_2=names(second, "generator_2"),
        reference=references[0],
        reference_2=references[1],
        note=None if references[0] == references[1] else "the two were judged against different references",
    )


def _prompts(annotations: pl.DataFrame) -> pl.DataFrame:
    # Sorted, because a mean of the same values in another order differs by rounding.
    counted = annotations.drop_nulls("preference").select("instruction", "preference").sort(pl.all())
    return counted.group_by("instruction", maintain_order=True).agg(pl.col("preference").mean())
