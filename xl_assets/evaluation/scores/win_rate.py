"""The win rate of one model against a reference, as AlpacaEval gives it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.scores import intervals
from xl_assets.evaluation.scores.intervals import Interval, cluster_sums, resampled, rounded, rounded_or_none
from xl_assets.evaluation.win_rate import discrete_win_rate, is_tie, standard_error, win_rate

#: Share of prompts with a preference below which a win rate is no headline figure.
LEAST_COVERAGE = 0.99


@dataclass(frozen=True)
class WinRateScore:
    """A win rate and what it rests on; null where there is nothing to say it from.

    Attributes:
        win_rate: 100 mean(preference - 1), percent.
        standard_error: 100 sd(ddof=1) / sqrt(n), percentage points.
        discrete_win_rate: wins and half of the draws, percent.
        n_wins, n_draws, n_wins_base: preferences above, of exactly, and below 1.5.
        n_total: preferences.
        n_invalid: rows without one; `invalid` says how many for which reason.
        n_missing: prompts without a row; null where it was not said which prompts there are.
        avg_length: mean length of the candidate's answers, code points; of all rows that have one.
        interval: 95 % percentile interval of the win rate, prompts drawn.
        coverage: n_total over n_total, n_invalid and n_missing.
        headline: whether the win rate may stand for the model; `why` says why not.
        model, reference: names of the candidate and of the reference; all of them where there are several.
    """

    win_rate: float | None
    standard_error: float | None
    discrete_win_rate: float | None
    n_wins: int
    n_draws: int
    n_wins_base: int
    n_total: int
    n_invalid: int
    n_missing: int | None
    avg_length: float | None
    interval: Interval | None
    coverage: float
    headline: bool
    why: str | None
    model: list[str]
    reference: list[str]
    invalid: dict[str, int] = field(default_factory=dict)


def score_win_rate(
    annotations: pl.DataFrame, prompts: Sequence[str] | None = None, resampling: Resampling = intervals.DEFAULT
) -> WinRateScore:
    """Score annotations.

    The formulas are those of `alpaca_eval.metrics.get_winrate`; a preference that is none is never scored.

    Args:
        annotations: `instruction`, `preference` (1 to 2 or null), `invalid`, `output_2` or `length_2`, `generator_1`,
            `generator_2`; see `formats.alpaca_eval.read_annotations`.
        prompts: the instructions that should have been judged, where that is known.
        resampling: how the interval is made; all rows of an instruction are a cluster.
    """
    counted = annotations.drop_nulls("preference").select("instruction", "preference").sort(pl.all())
    draw = is_tie(tolerance=0)
    figures = counted.select(
        win_rate().alias("win_rate"),
        standard_error().alias("standard_error"),
        discrete_win_rate(tolerance=0).alias("discrete_win_rate"),
        (pl.col("preference") > 1.5).sum().alias("n_wins"),
        draw.sum().alias("n_draws"),
        (pl.col("preference") < 1.5).sum().alias("n_wins_base"),
    ).row(0, named=True)
    invalid = annotations.filter(pl.col("preference").is_null())
    missing = None if prompts is None else len(set(prompts) - set(annotations["instruction"]))
    asked = annotations.height + (missing or 0)
    coverage = counted.height / asked if asked else 0.0
    why = _why(counted.height, invalid.height, missing, coverage)
    length = annotations.select(answer_length(annotations.columns, 2).mean()).item()
    return WinRateScore(
        win_rate=rounded_or_none(figures["win_rate"]),
        standard_error=rounded_or_none(figures["standard_error"]),
        discrete_win_rate=rounded_or_none(figures["discrete_win_rate"]),
        n_wins=figures["n_wins"],
        n_draws=figures["n_draws"],
        n_wins_base=figures["n_wins_base"],
        n_total=counted.height,
        n_invalid=invalid.height,
        n_missing=missing,
        avg_length=rounded_or_none(length),
        interval=_interval(counted, resampling),
        coverage=rounded(coverage),
        headline=why is None,
        why=why,
        model=names(annotations, "generator_2"),
        reference=names(annotations, "generator_1"),
        invalid=dict(invalid.group_by("invalid").len().sort("invalid").iter_rows()),
    )


def answer_length(columns: Collection[str], side: int) -> pl.Expr:
    """Length of the reference's (1) or the candidate's (2) answer, code points.

    That of `output_1` or `output_2`; where many annotations are not to be held with their texts, they may have
    `length_1` and `length_2` instead.
    """
    known = f"length_{side}"
    length = pl.col(known) if known in columns else pl.col(f"output_{side}").str.len_chars()
    return length.cast(pl.Int64)


def names(annotations: pl.DataFrame, column: str) -> list[str]:
    """The names in a column, sorted."""
    return annotations[column].drop_nulls().unique().sort().to_list()


def _why(counted: int, invalid: int, missing: int | None, coverage: float) -> str | None:
    if coverage >= LEAST_COVERAGE:
        return None
    lost = f"{invalid} invalid" + (f" and {missing} missing" if missing else "")
    return (
        f"only {counted} preferences ({coverage:.1%}) with {lost}; "
        f"below {LEAST_COVERAGE:.0%} this is no headline figure: judge the others again"
    )


def _interval(counted: pl.DataFrame, resampling: Resampling) -> Interval | None:
    points = counted["preference"].to_numpy() - 1
    table = cluster_sums(counted["instruction"], np.column_stack([points, np.ones_like(points)]))
    sums = resampled(table, resampling)
    return intervals.interval(100 * sums[:, 0] / sums[:, 1], resampling)
