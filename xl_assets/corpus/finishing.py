"""From judged batches to the finished folder: duplicates among all documents, then every file under its name."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from xl_assets.corpus.decisions import DECISION
from xl_assets.corpus.folder import DECISIONS, DOCUMENTS, QUARANTINE, CorpusFolder
from xl_assets.corpus.options import CleanOptions
from xl_assets.corpus.workers import Workers
from xl_assets.corpus.writing import write_rows, write_texts
from xl_assets.filters.clusters import compact, find_clusters, find_cutoffs, with_clusters
from xl_assets.filters.quality_model import apply_cutoffs, share_cutoffs
from xl_assets.tables import QuarantinedLine, SeedDocument, empty_table

#: Bytes of text in a file of documents.
FILE_BYTES = 64 << 20

#: What a document is cleaned as, whatever the model says that it is.
_LANGUAGE = pl.coalesce("language_declared", "language").alias("language")

_CLUSTER = pl.Schema({"cluster_id": pl.String(), "cluster_size": pl.Int64()})

#: Columns of the finished documents.
KEPT = pl.Schema(
    {
        "id": pl.String(),
        **{name: dtype for name, dtype in empty_table(SeedDocument).schema.items() if name != "document_id"},
        "language_score": pl.Float64(),
        "redactions": pl.Int64(),
        **_CLUSTER,
    }
)


class Found(NamedTuple):
    """What only all documents together tell.

    Attributes:
        clusters: of duplicates, sorted by id; None where they were not looked for.
        cutoffs: where each language's best share ends; None where no document has a score.
    """

    clusters: pl.DataFrame | None
    cutoffs: pl.DataFrame | None


#: Where nothing is compared, so that every batch can be finished by itself.
NOTHING = Found(None, None)


def compare_all(folder: CorpusFolder, options: CleanOptions) -> Found:
    """Compare the documents that all batches kept: their duplicates, and the best share of what is left."""
    quality = options.filters.quality
    if not options.duplicates:
        scored = pl.scan_parquet(folder.parts("decisions")).filter("kept").select(_LANGUAGE, "id", "quality")
        return Found(None, share_cutoffs(scored, quality, document_id="id"))
    if not folder.parts("sketches"):
        return Found(None, None)
    sketches = folder.work / "sketches"
    clusters = find_clusters(sketches, folder.parts("documents"), options.filters.duplicates, key="id")
    return Found(clusters, find_cutoffs(sketches, clusters, quality))


def finish(
    folder: CorpusFolder, batches: Iterable[int], found: Found, workers: Workers, watch: Callable[[int], None]
) -> None:
    """Write the finished files; the decisions, which say that all is done, last.

    Args:
        folder: with the parts of all batches.
        batches: their numbers in order; the parts of each are there when it is named.
        found: among all documents.
        workers: write the documents.
        watch: called with the number of records of each batch.
    """
    made = folder.work / "finished"
    (made / DOCUMENTS).mkdir(parents=True, exist_ok=True)
    for file in (made / DOCUMENTS).iterdir():
        file.unlink()
    decisions = _decided(folder, batches, found, made / DOCUMENTS, workers, watch)
    write_rows(decisions, made / DECISIONS, DECISION)
    # Now, as the workers have something to do.
    write_rows(
        (pl.read_parquet(file) for file in folder.parts("quarantine")),
        made / QUARANTINE,
        empty_table(QuarantinedLine).schema,
    )
    workers.finish()
    for name in (DOCUMENTS, QUARANTINE, DECISIONS):
        folder.publish(made / name, name)


def _decided(
    folder: CorpusFolder,
    batches: Iterable[int],
    found: Found,
    documents: Path,
    workers: Workers,
    watch: Callable[[int], None],
) -> Iterator[pl.DataFrame]:
    """Decisions batch by batch; on the way, the documents of each file are given to a worker."""
    waiting: list[tuple[Path, pl.DataFrame]] = []
    before = file = 0
    for batch in batches:
        decisions = _settled(pl.read_parquet(folder.part("decisions", batch)), found)
        watch(decisions.height)
        kept = decisions.filter("kept").sort("position").select("position", "size", *_CLUSTER)
        numbers = (before + kept["size"].cum_sum() - kept["size"]) // FILE_BYTES
        before += int(kept["size"].sum())
        for (number,), rows in (
            kept.with_columns(numbers.alias("file")).partition_by("file", as_dict=True, maintain_order=True).items()
        ):
            if number != file and waiting:
                workers.do(write_documents, documents / f"part-{file:05}.parquet", waiting)
                waiting = []
            file = number
            waiting.append((folder.part("documents", batch), rows.drop("size", "file")))
        yield decisions.with_columns(pl.col("cluster_id").alias("cluster")).select(*DECISION)
    workers.do(write_documents, documents / f"part-{file:05}.parquet", waiting)


def write_documents(file: Path, parts: Iterable[tuple[Path, pl.DataFrame]]) -> None:
    """Write one file of finished documents.

    Args:
        file: to write.
        parts: files of judged documents, and which rows of each stay (`position`), with their clusters.
    """

    def frames() -> Iterator[pl.DataFrame]:
        for part, rows in parts:
            documents = compact(pl.read_parquet(part)[rows["position"]])
            yield pl.concat([documents, rows.drop("position")], how="horizontal").select(*KEPT)

    write_texts(frames(), file, KEPT)


def _settled(decisions: pl.DataFrame, found: Found) -> pl.DataFrame:
    if found.clusters is None:
        empty = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in _CLUSTER.items()]
        marked = decisions.with_columns(empty)
    else:
        marked = with_clusters(decisions, found.clusters, key="id")
    if found.cutoffs is None or found.cutoffs.is_empty():
        return marked
    judged = apply_cutoffs(marked.with_columns(_LANGUAGE, identified="language"), found.cutoffs, document_id="id")
    return judged.with_columns(language="identified").drop("identified")
