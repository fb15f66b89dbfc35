"""Intervals of scores: bootstrap over prompts.

A prompt's rows, however many, are drawn together; see `xl_assets.evaluation.bootstrap`. Two models on the same
prompts share their draws.
"""

from typing import SupportsFloat

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.evaluation.bootstrap import Resampling, generator, percentile_interval, resampled_sums
from xl_assets.evaluation.win_rate import DECIMALS

#: Lower and upper end.
Interval = tuple[float, float]

#: What commands draw if nothing else is asked for.
DEFAULT = Resampling(resamples=1000)


def cluster_sums(clusters: pl.Series, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum rows by cluster.

    Args:
        clusters: of each row; equal ones side by side.
        values: (rows, columns).

    Returns:
        (clusters, columns), in the clusters' order.
    """
    if not len(clusters):
        return np.empty((0, values.shape[1]))
    starts = np.flatnonzero((clusters != clusters.shift(1)).fill_null(True).to_numpy())
    return np.add.reduceat(values, starts, axis=0)


def resampled(table: NDArray[np.float64], resampling: Resampling) -> NDArray[np.float64]:
    """Column sums of resamples of a table of clusters: (resamples, columns); none of fewer than two clusters."""
    if len(table) < 2:
        return np.empty((0, table.shape[1]))
    return resampled_sums(table, resampling.resamples, generator(resampling.seed, "scores"))


def interval(replicates: NDArray[np.float64], resampling: Resampling) -> Interval | None:
    """The percentile interval of replicates; None where there are none: one prompt says nothing of others."""
    low, high = percentile_interval(replicates, resampling.confidence)
    return None if low is None or high is None else (rounded(low), rounded(high))


def rounded(value: SupportsFloat) -> float:
    """A figure without the rounding of its sums: equal values give a mean inside of its own interval."""
    return round(float(value), DECIMALS)


def rounded_or_none(value: float | None) -> float | None:
    """`rounded`, where there is a figure."""
    return None if value is None else rounded(value)
