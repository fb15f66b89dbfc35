"""How often a kept document should be seen: FineWeb2's rehydration (arXiv:2506.20920).

Deduplication leaves one document of each cluster. How many it stands for says something about it: documents without
any copy, and those with very many, fall to quality filters more often than those between. So a document is
repeated the more, the less the documents of clusters of its size are rejected.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.identity import derived_seed

#: Least cluster size -> repeats, where no rates are at hand: what FineWeb2's card gives as promising.
FINEWEB2_REPEATS: Mapping[int, float] = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}

#: `derived_seed` is below 2^28.
_SEEDS = 2.0**28


def add_repeats(
    documents: pl.DataFrame, weights: Mapping[int, float] = FINEWEB2_REPEATS, *, key: str = "document_id"
) -> pl.DataFrame:
    """Add Int64 `repeats`: how many times a document should be seen; 0 where it is not kept.

    The fraction of a weight is the share of documents, chosen by a hash of their id, that are seen once more. So
    neither order nor batches change the result, and a greater weight only adds.

    Args:
        documents: rows with the key and `cluster_size` (null counts as 1); `kept` where they were filtered.
        weights: least cluster size -> repeats, not negative; sizes below the least are seen once.
        key: name of the id column.

    Raises:
        ValueError: a weight is negative or no number.
    """
    weight = repeat_weight(weights)
    chance = derived_seed(pl.lit("repeats"), key) / _SEEDS
    repeats = (weight.floor() + (chance < weight - weight.floor()).cast(pl.Float64)).cast(pl.Int64)
    kept = pl.col("kept") if "kept" in documents.columns else pl.lit(True)
    return documents.with_columns(pl.when(kept).then(repeats).otherwise(0).alias("repeats"))


def repeat_weight(weights: Mapping[int, float] = FINEWEB2_REPEATS) -> pl.Expr:
    """Return an expression for the weight of a document by its column `cluster_size`, as Float64.

    Raises:
        ValueError: a weight is negative or no number.
    """
    if wrong := {size: weight for size, weight in weights.items() if not 0 <= weight < np.inf}:
        raise ValueError(f"repeats by cluster size must be numbers of at least 0, not {wrong}")
    size = pl.col("cluster_size").fill_null(1)
    weight = pl.lit(1.0)
    for limit in sorted(weights):
        weight = pl.when(size >= limit).then(float(weights[limit])).otherwise(weight)
    return weight


def repeats_by_rejection(
    documents: pl.DataFrame, most: int = 10, *, least_documents: int = 100, window: int = 5
) -> dict[int, float]:
    """Compute weights for `add_repeats` from how often documents of each cluster size are rejected.

    A size that is rejected as often as all documents together, or more often, has weight 1; the one that is
    rejected least often has `most`; those between lie on the line between. Weights are then averaged over
    neighbouring sizes and rounded. The formula is FineWeb2's.

    Args:
        documents: one of each cluster, deduplicated before it was filtered: `cluster_size` and `kept`.
        most: weight of the best size.
        least_documents: from the first size on with fewer documents, all greater ones count as one size.
        window: sizes that are averaged over; the first and last few are left as they are.

    Returns:
        Least cluster size -> weight, where it changes; ``{1: 1}`` where no size differs.
    """
    sizes, rejected = _rejection(documents, least_documents)
    if not len(sizes):
        return {1: 1.0}
    overall = 1 - float(documents.select(pl.col("kept").mean()).item())
    weights = np.ones(len(sizes))
    if (better := rejected < overall).any():
        weights[better] += (most - 1) * (overall - rejected[better]) / (overall - rejected.min())
    rounded = np.round(_smoothed(weights, window))
    changes = np.append(True, rounded[1:] != rounded[:-1])
    return dict(zip(sizes[changes].tolist(), rounded[changes].tolist(), strict=True))


def _rejection(documents: pl.DataFrame, least: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cluster sizes, the greatest standing for all above it, and the share of each that is rejected."""
    sizes = documents.group_by(pl.col("cluster_size").fill_null(1)).len().sort("cluster_size")
    # The first size of the tail; where every size has enough documents, there is none.
    few = sizes.filter(pl.col("len") < least)["cluster_size"].min()
    size = pl.col("cluster_size").fill_null(1)
    pooled = size if few is None else pl.min_horizontal(size, pl.lit(few))
    rates = documents.group_by(pooled.alias("size")).agg((~pl.col("kept")).mean().alias("rejected")).sort("size")
    return rates["size"].to_numpy().astype(np.int64), rates["rejected"].to_numpy()


def _smoothed(weights: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    half = window // 2
    if len(weights) <= 2 * half or not half:
        return weights
    smooth = weights.copy()
    smooth[half:-half] = np.convolve(weights, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")
    return smooth
