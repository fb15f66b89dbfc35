"""Bootstrap over clusters: how far a mean could lie elsewhere had other prompts been drawn.

Prompts that were made from one are no independent evidence, so whole clusters are drawn with replacement
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 8 and 13: percentile interval; Field and
Welsh, Bootstrapping clustered data, 2007: the cluster bootstrap).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit

import xl_assets.native  # noqa: F401 - says where compiled code is kept
from xl_assets.identity import address_of

#: Draws held in memory at once; bounds memory whatever the number of clusters or resamples.
BLOCK = 16_000_000

#: Clusters gone through for one resample after the other: so much of a table stays in the processor's cache.
_SLICE = 512

#: Increment and multipliers of SplitMix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, 2014).
_GAMMA, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Attributes:
        resamples: how often clusters are drawn.
        confidence: share of resamples inside the interval.
        seed: of the draws; each group derives its own from it.
    """

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0


def generator(seed: int, *parts: str) -> np.random.Generator:
    """A random generator that depends on a seed and on names only, never on the order of anything."""
    return np.random.Generator(np.random.PCG64(int(address_of("bootstrap", str(seed), *parts), 16)))


def cluster_weights(clusters: int, resamples: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield blocks of shape (some resamples, clusters): how often each cluster was drawn in each resample."""
    seed = np.uint64(random.integers(0, 1 << 63))
    step = max(1, BLOCK // max(clusters, 1))
    for start in range(0, resamples, step):
        # 65,536 draws of one cluster need more clusters than that, and then never happen.
        counts = np.zeros((min(step, resamples - start), clusters), dtype=np.uint16)
        _draw(seed, start, counts)
        yield counts


def resampled_sums(table: np.ndarray, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Column sums of bootstrap resamples.

    Args:
        table: (clusters, columns).
        resamples: how many resamples.
        random: see `generator`.

    Returns:
        (resamples, columns). All columns share the drawn clusters.
    """
    sums = np.zeros((resamples, table.shape[1]))
    start = 0
    for weights in cluster_weights(len(table), resamples, random):
        _add_up(weights, np.ascontiguousarray(table, dtype=np.float64), sums[start : start + len(weights)])
        start += len(weights)
    return sums


def resampled_means(sums: np.ndarray, counts: np.ndarray, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Means of bootstrap resamples.

    Args:
        sums: (clusters, columns): sum of the values of each cluster in each column.
        counts: (clusters, columns): how many values that were.
        resamples: how many resamples.
        random: see `generator`.

    Returns:
        (resamples, columns). All columns share the drawn clusters, so that differences between columns
        are paired. NaN where a resample drew no value of a column.
    """
    drawn = resampled_sums(np.hstack([sums, counts]), resamples, random)
    with np.errstate(invalid="ignore", divide="ignore"):
        return drawn[:, : sums.shape[1]] / drawn[:, sums.shape[1] :]


def percentile_interval(replicates: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """The middle `confidence` of replicates; (None, None) where there are none to speak of."""
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 2:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return float(low), float(high)


@njit(cache=True, nogil=True)
def _draw(seed, start, counts):
    # Each resample has a stream of its own, so that the size of a block changes nothing.
    rows, clusters = counts.shape
    for row in range(rows):
        state = _mixed(seed + np.uint64(start + row) * _FIRST)
        for _ in range(clusters):
            state += _GAMMA
            share = np.float64(_mixed(state) >> np.uint64(11)) * 2.0**-53
            counts[row, int(share * clusters)] += 1


@njit(cache=True, nogil=True, inline="always")
def _mixed(state):
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


@njit(cache=True, nogil=True)
def _add_up(weights, table, sums):
    rows, clusters = weights.shape
    for first in range(0, clusters, _SLICE):
        for row in range(rows):
            for cluster in range(first, min(first + _SLICE, clusters)):
                weight = weights[row, cluster]
                if weight:
                    for column in range(table.shape[1]):
                        sums[row, column] += weight * table[cluster, column]
