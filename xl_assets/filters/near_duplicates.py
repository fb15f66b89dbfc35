"""Exact and near duplicates: clusters of equal or almost equal texts, of which one member stays.

Near ones: MinHash of word 5-grams in bands (rensa for the sketches, Broder 1997; bands as in FineWeb,
arXiv:2406.17557), every candidate pair verified by its exact Jaccard similarity, connected components.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.components import connected
from xl_assets.filters.reasons import add_reasons
from xl_assets.filters.tokens import Tokens
from xl_assets.identity import content_address
from xl_assets.languages import Language, get_language

_BAND_FACTOR = np.uint64(0x9E3779B97F4A7C15)

#: Candidate pairs whose shingles are compared at once; bounds memory.
_PAIRS = 20_000


@dataclass(frozen=True)
class DuplicateSettings:
    """When two texts are near duplicates.

    Attributes:
        jaccard: least share of common n-grams among all n-grams of the two.
        words: words in an n-gram.
        bands: bands of the sketch. A pair of similarity s becomes a candidate with probability
            1 - (1 - s^rows)^bands: with the defaults 0.99 at 0.7 and 0.9999 at 0.8.
        rows: hash values in a band.
        seed: of the permutations.
    """

    jaccard: float = 0.75
    words: int = 5
    bands: int = 25
    rows: int = 5
    seed: int = 42

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def mark_duplicates(
    frame: pl.DataFrame,
    text: str = "text",
    *,
    key: str = "document_id",
    quality: str | None = None,
    settings: DuplicateSettings | None = None,
) -> pl.DataFrame:
    """Add `duplicate_of`, `cluster_id` and `cluster_size`; `kept` and `reasons` after those that are there.

    Rows that an earlier filter rejected take no part, so that a text is never dropped for one that is not kept.
    Of a cluster the best stays: of highest `quality`, then with fewest `redactions`, then the longest, then
    of the smallest key. The others get ``exact_duplicate`` (equal but for case, punctuation and
    white space to one that ranks higher) or ``near_duplicate``, and the key of the one that stays.

    Args:
        frame: rows with `language`, a key and a text column. Only texts of one language are compared.
        text: the text column.
        key: name of the id column, unique.
        quality: name of a column with a score, higher is better.
        settings: what counts as near.
    """
    chosen = settings or DuplicateSettings()
    rows = frame.with_row_index("_row")
    taking_part = rows.filter(pl.col("kept")) if "kept" in frame.columns else rows
    parts = [
        _cluster(part, text, key, quality, get_language(code), chosen)
        for (code,), part in taking_part.partition_by("language", as_dict=True).items()
    ]
    empty = pl.DataFrame(schema={"_row": pl.UInt32, "_rank": pl.UInt32, "_twin": pl.Boolean, "_cluster": pl.Int64})
    ids = pl.col(key)
    best = ids.sort_by("_rank").first().over("language", "_cluster")
    clustered = (
        taking_part.join(pl.concat(parts) if parts else empty, on="_row", maintain_order="left")
        .with_columns(best.alias("_best"))
        .select(
            "_row",
            "_twin",
            pl.when(ids != pl.col("_best")).then("_best").alias("duplicate_of"),
            content_address("cluster", ids.min().over("language", "_cluster")).alias("cluster_id"),
            pl.len().over("language", "_cluster").cast(pl.Int64).alias("cluster_size"),
        )
    )
    joined = rows.join(clustered, on="_row", how="left", maintain_order="left")
    dropped = pl.col("duplicate_of").is_not_null()
    flags = {"exact_duplicate": dropped & pl.col("_twin"), "near_duplicate": dropped & ~pl.col("_twin")}
    return add_reasons(joined, flags).drop("_row", "_twin")


def _cluster(
    part: pl.DataFrame, text: str, key: str, quality: str | None, language: Language, settings: DuplicateSettings
) -> pl.DataFrame:
    """Columns _row, _rank (0 is best), _twin (equal to a better one) and _cluster (a number)."""
    order = [pl.col(quality).fill_null(-np.inf)] if quality else []
    order += [-pl.col("redactions")] if "redactions" in part.columns else []
    order += [pl.col(text).str.len_chars().cast(pl.Int64)]
    ranked = part.sort([*order, key], descending=[*[True] * len(order), False]).select(
        "_row",
        text,
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("_rank"),
        _exact_key(text, key).alias("_exact"),
    )
    groups = ranked.with_columns(
        (~pl.col("_exact").is_first_distinct()).alias("_twin"),
        (pl.col("_exact").rank("dense") - 1).cast(pl.Int64).alias("_group"),
    )
    first = groups.filter(~pl.col("_twin"))
    near = connected(first.height, near_pairs(first[text], language, settings))
    clusters = first.select("_group", pl.Series("_cluster", near, dtype=pl.Int64))
    return groups.join(clusters, on="_group", maintain_order="left").select("_row", "_rank", "_twin", "_cluster")


def _exact_key(text: str, key: str) -> pl.Expr:
    """Equal for texts that differ in case, punctuation and white space only; a text of only these has its own."""
    written = pl.col(text).str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "")
    return pl.when(written == "").then(content_address("key", key)).otherwise(content_address("text", written))


def near_pairs(texts: pl.Series, language: Language, settings: DuplicateSettings) -> NDArray[np.int64]:
    """Verified near-duplicate pairs, as an array of (index, index).

    Of a bucket's members not every pair is compared: each with the first and with its neighbour, so that
    work stays linear; the components are the same unless similarity is far from transitive.
    """
    tokens = Tokens.of(texts)
    hashes, starts = tokens.shingles(round(settings.words * language.tokens_per_word))
    table = pl.DataFrame({"text": tokens.text[starts], "shingle": hashes}).cast(
        {"text": pl.Int64, "shingle": pl.UInt64}
    )
    shingles = table.unique().sort("text", "shingle")
    pairs = _candidates(shingles, settings)
    if not len(pairs):
        return pairs
    return np.concatenate(
        [_similar(pairs[start : start + _PAIRS], shingles, settings) for start in range(0, len(pairs), _PAIRS)]
    )


def _candidates(shingles: pl.DataFrame, settings: DuplicateSettings) -> NDArray[np.int64]:
    """Pairs of texts that share a band of their sketches."""
    sketched = shingles.group_by("text", maintain_order=True).agg(pl.len())
    if sketched.height < 2:
        return np.empty((0, 2), dtype=np.int64)
    sketches = _sketch(shingles["shingle"].to_numpy(), sketched["len"].to_list(), settings)
    bands = sketches.reshape(sketched.height, settings.bands, settings.rows).astype(np.uint64)
    keys = np.zeros((sketched.height, settings.bands), dtype=np.uint64)
    keys += np.arange(settings.bands, dtype=np.uint64)
    for row in range(settings.rows):
        keys = (keys * _BAND_FACTOR) ^ bands[:, :, row]
        keys ^= keys >> np.uint64(29)
    buckets = pl.DataFrame(
        {"text": np.repeat(sketched["text"].to_numpy(), settings.bands), "key": keys.ravel()}
    ).filter(pl.col("key").is_duplicated())
    linked = buckets.sort("key", "text").with_columns(
        pl.col("text").first().over("key").alias("first"), pl.col("text").shift(1).over("key").alias("before")
    )
    pairs = (
        linked.unpivot(on=["first", "before"], index="text", value_name="other")
        .filter(pl.col("other").is_not_null() & (pl.col("other") != pl.col("text")))
        .select("other", "text")
        .unique()
        .sort("other", "text")
    )
    return pairs.to_numpy().astype(np.int64)


def _sketch(hashes: NDArray[np.uint64], counts: Sequence[int], settings: DuplicateSettings) -> NDArray[np.uint32]:
    import rensa

    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        np.ascontiguousarray(hashes), offsets, num_perm=settings.bands * settings.rows, seed=settings.seed
    )
    return np.array(matrix.to_rows(), dtype=np.uint32)


def _similar(pairs: NDArray[np.int64], shingles: pl.DataFrame, settings: DuplicateSettings) -> NDArray[np.int64]:
    """The pairs whose Jaccard similarity is high enough."""
    sizes = shingles.group_by("text").agg(pl.len().cast(pl.Int64).alias("size"))
    candidates = pl.DataFrame(pairs, schema=["a", "b"], orient="row").with_row_index("pair")
    common = (
        candidates.join(shingles, left_on="a", right_on="text")
        .join(shingles, left_on=["b", "shingle"], right_on=["text", "shingle"], how="semi")
        .group_by("pair")
        .agg(pl.len().cast(pl.Int64).alias("common"))
    )
    sized = (
        candidates.join(common, on="pair")
        .join(sizes, left_on="a", right_on="text")
        .join(sizes, left_on="b", right_on="text", suffix="_b")
    )
    union = pl.col("size") + pl.col("size_b") - pl.col("common")
    near = sized.filter(pl.col("common") / union >= settings.jaccard).sort("pair")
    return near.select("a", "b").to_numpy()
