"""Duplicates and the best share among all documents of a corpus whose judged batches lie in files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.near_duplicates import DuplicateSettings, cluster, mark_clusters
from xl_assets.filters.quality_model import QualitySettings, share_cutoffs


def find_clusters(
    sketches: Path, texts: Sequence[Path], settings: DuplicateSettings, *, key: str = "document_id"
) -> pl.DataFrame:
    """The clusters of duplicates among the sketched documents, as `near_duplicates.cluster` gives them.

    Args:
        sketches: folder with Parquet files of `near_duplicates.sketch_documents`.
        texts: Parquet files with a key and a text column, of the sketched documents at least.
        settings: what counts as near.
        key: name of the id column of `texts`.
    """

    def fetch(ids: pl.Series) -> Iterator[pl.DataFrame]:
        wanted = pl.DataFrame({"document_id": ids}).sort("document_id")
        for file in texts:
            found, _ = _places(wanted, pl.read_parquet(file, columns=[key])[key])
            if found.any():
                wanted_texts = pl.read_parquet(file, columns=[key, "text"]).filter(pl.Series(found))
                yield compact(wanted_texts).rename({key: "document_id"})

    return cluster(sketches, fetch, settings)


def find_cutoffs(sketches: Path, clusters: pl.DataFrame | None, settings: QualitySettings) -> pl.DataFrame:
    """Where each language's best share ends among the documents that no duplicate replaces.

    Args:
        sketches: folder with Parquet files; `quality` is not finite where there is no score.
        clusters: as `find_clusters` gives them, or None where duplicates stay.
        settings: the share.
    """
    scores = pl.scan_parquet(sketches / "*.parquet").select("document_id", "language", "quality")
    scored = scores.filter(pl.col("quality").is_finite())
    if clusters is not None:
        dropped = clusters.lazy().filter(pl.col("duplicate_of").is_not_null())
        scored = scored.join(dropped, on="document_id", how="anti")
    return share_cutoffs(scored, settings)


def with_clusters(batch: pl.DataFrame, clusters: pl.DataFrame, *, key: str = "document_id") -> pl.DataFrame:
    """Write into a batch what was found of its documents; see `near_duplicates.mark_clusters`.

    By binary search among the sorted ids, so that nothing is built anew for each batch.
    """
    found, places = _places(clusters, batch[key])
    return mark_clusters(batch, clusters[np.unique(places[found])], key=key)


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """A copy that holds nothing but its own rows: strings that were filtered still hold all that were there before."""
    return pl.DataFrame(pl.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))


def _places(among: pl.DataFrame, ids: pl.Series) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which ids are among the sorted `document_id`, and where."""
    if among.is_empty() or ids.is_empty():
        return np.zeros(len(ids), dtype=np.bool_), np.zeros(len(ids), dtype=np.int64)
    known = among["document_id"]
    places = np.minimum(known.search_sorted(ids.fill_null("")).to_numpy().astype(np.int64), len(known) - 1)
    return (known[places] == ids).fill_null(False).to_numpy(), places
