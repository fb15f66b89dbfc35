"""`filter_documents` for a partition of any size: batches in, batches out, files in between."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from xl_assets.filters.clusters import find_clusters, find_cutoffs, with_clusters
from xl_assets.filters.near_duplicates import sketch_documents
from xl_assets.filters.pipeline import FilterModels, FilterSettings, judge_documents
from xl_assets.filters.quality_model import apply_cutoffs
from xl_assets.tables import FilteredDocument, check_table


def filter_in_batches(
    batches: Iterable[pl.DataFrame],
    settings: FilterSettings,
    models: FilterModels | None = None,
    *,
    beside: Path | None = None,
    watch: Callable[[pl.DataFrame], None] = lambda judged: None,
) -> Iterator[pl.DataFrame]:
    """Filter the documents of a partition; the rows are those of `filter_documents`, however they are batched.

    Args:
        batches: columns of ``SeedDocument`` at least; rows whose `kept` is False are left out. At least one frame.
        settings: thresholds.
        models: that score the documents.
        beside: folder that a temporary one is made in; None for the system's.
        watch: is given each frame that comes out, with the columns that the table does not have.

    Yields:
        Table ``FilteredDocument``, a frame for each batch.
    """
    with TemporaryDirectory(prefix="xl-filter-", dir=beside) as folder:
        judged, sketches = Path(folder) / "judged", Path(folder) / "sketches"
        judged.mkdir()
        sketches.mkdir()
        for number, batch in enumerate(batches):
            frame = judge_documents(batch, settings, models)
            name = f"{number:08}.parquet"
            frame.write_parquet(judged / name, compression="lz4", statistics=False)
            sketched = sketch_documents(frame, settings.duplicates, quality="quality")
            sketched.write_parquet(sketches / name, compression="lz4", statistics=False)
        files = sorted(judged.iterdir())
        clusters = find_clusters(sketches, files, settings.duplicates)
        cutoffs = find_cutoffs(sketches, clusters, settings.quality)
        for file in files:
            found = apply_cutoffs(with_clusters(pl.read_parquet(file), clusters), cutoffs)
            watch(found)
            yield check_table(found, FilteredDocument)
