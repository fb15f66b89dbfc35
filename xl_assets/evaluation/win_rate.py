"""Win rates from judgements: pure, vectorised, and the same whatever the order of the rows.

The formulas are AlpacaEval 2's (Dubois, Galambosi, Liang, Hashimoto, Length-Controlled AlpacaEval, COLM 2024,
and `alpaca_eval.metrics`): a preference lies in [1, 2], the win rate is its mean less one, in percent.
"""

import numpy as np
import polars as pl

from xl_assets.evaluation.bootstrap import Resampling, generator, percentile_interval, resampled_means
from xl_assets.evaluation.naming import AVERAGE
from xl_assets.tables import WinRate, check_table, empty_table

GROUP = ["release", "model", "kind", "language"]

#: How near to 1.5 a mean preference counts as a tie: below any difference that a judge's probabilities carry.
TIE_TOLERANCE = 1e-9

#: Decimals kept of percentages.
DECIMALS = 9


#: Of the bootstrap interval.
WinRateSettings = Resampling


def win_rate(preference: str = "preference") -> pl.Expr:
    """100 mean(preference - 1), in percent; null without a preference."""
    return 100 * (pl.col(preference).mean() - 1)


def standard_error(preference: str = "preference") -> pl.Expr:
    """100 sd(ddof=1) / sqrt(n) of the preferences, in percentage points; null for fewer than two."""
    return 100 * pl.col(preference).std(ddof=1) / pl.col(preference).count().sqrt()


def discrete_win_rate(preference: str = "preference", tolerance: float = TIE_TOLERANCE) -> pl.Expr:
    """Wins and half of the ties over all preferences, in percent."""
    points = pl.when(is_tie(preference, tolerance)).then(0.5).otherwise((pl.col(preference) > 1.5).cast(pl.Float64))
    return 100 * points.filter(pl.col(preference).is_not_null()).mean()


def is_tie(preference: str = "preference", tolerance: float = TIE_TOLERANCE) -> pl.Expr:
    """True where neither side is preferred."""
    return (pl.col(preference) - 1.5).abs() <= tolerance


def prompt_preferences(judgements: pl.DataFrame) -> pl.DataFrame:
    """Reduce judgements to one row for each prompt.

    A prompt counts only where every order has a preference: with one order alone the judge's liking
    for a position would not cancel out.

    Args:
        judgements: rows of ``Judgement``.

    Returns:
        ``release``, ``model``, ``kind``, ``language``, ``cluster_id``, ``prompt_id``; ``preference``, the mean over
        orders, or null; ``outcome``: ``counted``, ``missing`` or ``invalid``; ``consistent``: whether two
        judged orders agree on the better side, null where fewer than two were judged.
    """
    side = (pl.col("preference") - 1.5).sign()
    asked = (pl.col("outcome") == "judged").sum()
    return (
        judgements.group_by([*GROUP, "cluster_id", "prompt_id"])
        .agg(
            pl.when(pl.col("preference").null_count() == 0).then(pl.col("preference").mean()).alias("preference"),
            pl.when((pl.col("outcome") == "missing").any())
            .then(pl.lit("missing"))
            .when(pl.col("preference").null_count() > 0)
            .then(pl.lit("invalid"))
            .otherwise(pl.lit("counted"))
            .alias("outcome"),
            pl.when(asked >= 2).then(side.drop_nulls().n_unique() == 1).alias("consistent"),
        )
        .sort([*GROUP, "cluster_id", "prompt_id"])
    )


def win_rates(judgements: pl.DataFrame, settings: WinRateSettings | None = None) -> pl.DataFrame:
    """Win rate of every model against the reference, for each kind and language and as the mean over languages.

    Args:
        judgements: rows of ``Judgement``.
        settings: resamples, confidence and seed of the interval.

    Returns:
        Rows of ``WinRate``, sorted. ``low`` and ``high`` are null for fewer than two clusters: one cluster says
        nothing of how others would do. ``language`` ``average`` is the plain mean of the languages' win rates,
        null if one of them is null; its resamples draw clusters once for all languages, because the languages'
        prompts are made from the same ones; its ``standard_error`` is the standard deviation of these resamples.
        ``prompts`` counts those with a preference; ``invalid`` and ``missing`` those without.
    """
    settings = settings or WinRateSettings()
    if judgements.is_empty():
        return empty_table(WinRate)
    preferences = prompt_preferences(judgements)
    rows = []
    for key, group in preferences.partition_by("release", "model", "kind", as_dict=True, maintain_order=True).items():
        identity = dict(zip(("release", "model", "kind"), key, strict=True))
        kind = str(key[2])
        languages = _language_rows(group, kind, settings)
        average = _average_row(group, languages, kind, settings)
        rows.append(pl.concat([languages, average], how="diagonal").with_columns(**_literals(identity)))
    # Equal preferences must give a rate inside its interval: sums in another order differ by rounding.
    percentages = pl.col("win_rate", "standard_error", "low", "high").round(DECIMALS)
    rates = pl.concat(rows).with_columns(percentages).with_columns(scored_only="win_rate")
    return check_table(rates, WinRate)


def _literals(values: dict[str, object]) -> dict[str, pl.Expr]:
    return {name: pl.lit(value, dtype=pl.String) for name, value in values.items()}


def _counts() -> list[pl.Expr]:
    outcome = pl.col("outcome")
    return [
        pl.col("consistent").mean().alias("order_consistency"),
        (outcome == "counted").sum().cast(pl.Int64).alias("prompts"),
        is_tie().sum().cast(pl.Int64).alias("ties"),
        (outcome == "invalid").sum().cast(pl.Int64).alias("invalid"),
        (outcome == "missing").sum().cast(pl.Int64).alias("missing"),
        (outcome == "counted").mean().alias("coverage"),
        pl.lit(None, dtype=pl.String).alias("why"),
    ]


def _language_rows(group: pl.DataFrame, kind: str, settings: WinRateSettings) -> pl.DataFrame:
    """Rates of one model and kind, one row a language."""
    rates = group.group_by("language", maintain_order=True).agg(
        win_rate().alias("win_rate"), standard_error().alias("standard_error"), *_counts()
    )
    intervals = []
    for language in rates["language"]:
        sums, counts = _cluster_table(group.filter(pl.col("language") == language))
        # Not of the model: two models on the same prompts share their draws, so their difference is a paired one.
        random = generator(settings.seed, kind, language)
        intervals.append(percentile_interval(_replicates(sums, counts, settings, random)[:, 0], settings.confidence))
    low_high = pl.DataFrame(intervals, schema={"low": pl.Float64, "high": pl.Float64}, orient="row")
    return rates.hstack(low_high)


def _average_row(group: pl.DataFrame, rates: pl.DataFrame, kind: str, settings: WinRateSettings) -> pl.DataFrame:
    sums, counts = _cluster_table(group)
    # A resample that drew no prompt of some language has no mean over all languages, hence NaN and left out.
    replicates = _replicates(sums, counts, settings, generator(settings.seed, kind, AVERAGE)).mean(axis=1)
    low, high = percentile_interval(replicates, settings.confidence)
    usable = replicates[np.isfinite(replicates)]
    known = rates["win_rate"].null_count() == 0
    values = group.select(
        pl.lit(AVERAGE).alias("language"),
        pl.lit(rates["win_rate"].mean() if known else None, dtype=pl.Float64).alias("win_rate"),
        pl.lit(usable.std(ddof=1) if low is not None else None, dtype=pl.Float64).alias("standard_error"),
        *_counts(),
        pl.lit(low, dtype=pl.Float64).alias("low"),
        pl.lit(high, dtype=pl.Float64).alias("high"),
    )
    return values


def _cluster_table(group: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Sums and counts of the points (preference - 1) by cluster (rows) and language (columns)."""
    counted = group.filter(pl.col("preference").is_not_null())
    row = counted["cluster_id"].rank("dense").to_numpy().astype(np.int64) - 1
    languages = group["language"].unique().sort().to_list()
    column = counted["language"].replace_strict(languages, range(len(languages)), return_dtype=pl.Int64).to_numpy()
    shape = (int(row.max(initial=-1)) + 1, len(languages))
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (row, column), counted["preference"].to_numpy() - 1)
    np.add.at(counts, (row, column), 1)
    return sums, counts


def _replicates(
    sums: np.ndarray, counts: np.ndarray, settings: WinRateSettings, random: np.random.Generator
) -> np.ndarray:
    """Win rates in percent of the resamples; none where there are fewer than two clusters."""
    if len(sums) < 2:
        return np.empty((0, sums.shape[1]))
    return 100 * resampled_means(sums, counts, settings.resamples, random)
