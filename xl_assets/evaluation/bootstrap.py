"""Bootstrap over clusters: how far a mean could lie elsewhere had other prompts been drawn.

Prompts that were made from one are no independent evidence, so whole clusters are drawn with replacement
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 8 and 13: percentile interval; Field and
Welsh, Bootstrapping clustered data, 2007: the cluster bootstrap).
"""

from collections.abc import Iterator

import numpy as np

from xl_assets.identity import address_of

#: Draws held in memory at once; bounds memory whatever the number of clusters or resamples.
BLOCK = 4_000_000


def generator(seed: int, *parts: str) -> np.random.Generator:
    """A random generator that depends on a seed and on names only, never on the order of anything."""
    return np.random.Generator(np.random.PCG64(int(address_of("bootstrap", str(seed), *parts), 16)))


def cluster_weights(clusters: int, resamples: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield blocks of shape (some resamples, clusters): how often each cluster was drawn in each resample."""
    step = max(1, BLOCK // max(clusters, 1))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, clusters, size=(rows, clusters))
        drawn += np.arange(rows)[:, None] * clusters
        yield np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters)


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
    means = np.empty((resamples, sums.shape[1]))
    start = 0
    for weights in cluster_weights(len(sums), resamples, random):
        with np.errstate(invalid="ignore", divide="ignore"):
            means[start : start + len(weights)] = (weights @ sums) / (weights @ counts)
        start += len(weights)
    return means


def percentile_interval(replicates: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """The middle `confidence` of replicates; (None, None) where there are none to speak of."""
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 2:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return float(low), float(high)
