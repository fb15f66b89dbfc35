"""Exact and near duplicates: clusters of equal or almost equal texts, of which one member stays.

Near ones: MinHash of word 5-grams in bands (Broder 1997; bands as in FineWeb, arXiv:2406.17557), every candidate
pair verified by its exact Jaccard similarity, connected components. Documents are sketched batch by batch
(`sketch_documents`); clusters come from the sketches, so a corpus of any size can be deduplicated as a whole.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from xl_assets.filters.components import connected
from xl_assets.filters.links import Fetch, Pairs, candidate_links, exact_links, verified_links
from xl_assets.filters.reasons import add_reasons
from xl_assets.filters.sketches import DuplicateSettings, SketchError, Sketches, sketch_documents, sketch_texts
from xl_assets.identity import content_address
from xl_assets.languages import Language

__all__ = [
    "DuplicateSettings",
    "SketchError",
    "cluster",
    "mark_clusters",
    "mark_duplicates",
    "near_pairs",
    "sketch_documents",
    "sketch_texts",
]

_CLUSTERS = {
    "document_id": pl.String,
    "duplicate_of": pl.String,
    "cluster_id": pl.String,
    "cluster_size": pl.Int64,
    "exact_twin": pl.Boolean,
}


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

    For rows that fit into memory; `sketch_documents`, `cluster` and `mark_clusters` do the same batch by batch.

    Args:
        frame: rows with `language`, a key and a text column.
        text: the text column.
        key: name of the id column, unique.
        quality: name of a column with a score, higher is better.
        settings: what counts as near, and whether texts of different languages are compared.
    """
    chosen = settings or DuplicateSettings()
    sketches = sketch_documents(frame, chosen, text=text, key=key, quality=quality)
    texts = frame.select(pl.col(key).cast(pl.String).alias("document_id"), pl.col(text).alias("text"))
    clusters = cluster([sketches], lambda ids: texts.filter(pl.col("document_id").is_in(ids.implode())), chosen)
    return mark_clusters(frame, clusters, key=key)


def cluster(
    sketches: Iterable[pl.DataFrame] | Path, fetch: Fetch, settings: DuplicateSettings | None = None
) -> pl.DataFrame:
    """Find the clusters of duplicates among sketched documents.

    Neither the order of documents nor how they were batched changes the result. Memory, with the sketches in a
    folder: 40 bytes a document while one column of keys is sorted (8 of them all the time), 16 for each candidate
    pair, about 150 for each document that is in a cluster, and 300 MB for the texts that are compared at a time.
    At most 2^32 documents.

    Args:
        sketches: frames that `sketch_documents` made with the same settings, or the folder where they lie as
            Parquet files.
        fetch: gives the texts of candidates by their ids (see `links.verified_links`); called once, not at all
            where there is no candidate.
        settings: what counts as near.

    Returns:
        A row for each document that is in a cluster of two or more, sorted by id: document_id, duplicate_of (null
        for the one that stays), cluster_id (content address of the smallest id), cluster_size, exact_twin
        (equal but for case, punctuation and white space to one that ranks higher).

    Raises:
        SketchError: the folder holds no sketches, or `fetch` left a text out.
    """
    chosen = settings or DuplicateSettings()
    known = Sketches(sketches)
    if not len(known):
        return pl.DataFrame(schema=_CLUSTERS)
    equal = exact_links(known)
    near = verified_links(candidate_links(known, chosen, leave_out=equal[:, 1]), known, fetch, chosen)
    links = np.concatenate([equal, near])
    if not len(links):
        return pl.DataFrame(schema=_CLUSTERS)
    numbers, places = np.unique(links, return_inverse=True)
    label = connected(len(numbers), places.reshape(links.shape))
    members = known.rows(numbers, "document_id", "exact", "quality", "redactions", "length")
    return _described(members.with_columns(pl.Series("cluster", label))).sort("document_id")


def mark_clusters(frame: pl.DataFrame, clusters: pl.DataFrame, *, key: str = "document_id") -> pl.DataFrame:
    """Add what `cluster` found to a batch of the documents that were sketched; see `mark_duplicates`.

    Args:
        frame: rows with the key; `kept` and `reasons` where they were filtered.
        clusters: what `cluster` returned, or its rows about the documents in the frame.
        key: name of the id column.
    """
    taking_part = pl.col("kept") if "kept" in frame.columns else pl.lit(True)
    found = clusters.rename({"document_id": key})
    joined = (
        frame.with_columns(pl.col(key).cast(pl.String))
        .join(found, on=key, how="left", maintain_order="left")
        .with_columns(
            pl.when(taking_part).then(pl.coalesce("cluster_id", content_address("cluster", key))).alias("cluster_id"),
            pl.when(taking_part).then(pl.col("cluster_size").fill_null(1)).alias("cluster_size"),
        )
    )
    dropped = pl.col("duplicate_of").is_not_null()
    flags = {"exact_duplicate": dropped & pl.col("exact_twin"), "near_duplicate": dropped & ~pl.col("exact_twin")}
    return add_reasons(joined, flags).drop("exact_twin")


def near_pairs(texts: pl.Series, language: Language, settings: DuplicateSettings) -> Pairs:
    """Verified near-duplicate pairs among texts of one language, as an ascending array of (index, index)."""
    frame = pl.DataFrame(
        {"document_id": pl.int_range(len(texts), eager=True).cast(pl.String), "language": language.code, "text": texts}
    )
    known = Sketches([sketch_documents(frame, settings)])
    candidates = candidate_links(known, settings, leave_out=np.empty(0, dtype=np.int64))
    pairs = np.sort(verified_links(candidates, known, lambda _: frame, settings), axis=1)
    return np.unique(pairs, axis=0)


def _described(members: pl.DataFrame) -> pl.DataFrame:
    ranked = members.sort(
        "cluster", "quality", "redactions", "length", "document_id", descending=[False, True, False, True, False]
    )
    ids = pl.col("document_id")
    best = ids.first().over("cluster")
    return ranked.select(
        ids,
        pl.when(ids != best).then(best).alias("duplicate_of"),
        content_address("cluster", ids.min().over("cluster")).alias("cluster_id"),
        pl.len().over("cluster").cast(pl.Int64).alias("cluster_size"),
        # Equal texts are in one cluster, so the first of a key ranks highest; 0 is the key of those without letters.
        ((pl.col("exact") != 0) & ~pl.col("exact").is_first_distinct()).alias("exact_twin"),
    )
