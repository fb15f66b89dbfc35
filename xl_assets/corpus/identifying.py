"""`identify`: the languages of every document of a corpus, in bounded memory."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from xl_assets.corpus.cleaning import Watch
from xl_assets.corpus.options import CorpusError, Identifier, IdentifyOptions
from xl_assets.corpus.reading import BROKEN, Batch, read_corpus
from xl_assets.corpus.writing import write_rows
from xl_assets.seeds.readers import UNDETERMINED

#: One row for each record; `reason` says why a line is no document. `languages` and `scores` are the best ones.
IDENTIFICATION = pl.Schema(
    {
        "source": pl.String(),
        "line": pl.Int64(),
        "id": pl.String(),
        "language_declared": pl.String(),
        "language": pl.String(),
        "language_score": pl.Float64(),
        "languages": pl.List(pl.String()),
        "scores": pl.List(pl.Float64()),
        "reason": pl.String(),
    }
)


class Identified(NamedTuple):
    """What was identified.

    Attributes:
        counts: language (null where none was found), documents, mean_score; most frequent first.
        broken: files that break off: source and reason.
    """

    counts: pl.DataFrame
    broken: dict[str, str]


def identify(
    inputs: Sequence[str],
    out: Path | None,
    options: IdentifyOptions,
    identifier: Identifier,
    watch: Watch = lambda stage, records, size: None,
) -> Identified:
    """Identify every document of a corpus.

    Args:
        inputs: files, folders, globs or URLs.
        out: ``.parquet`` or ``.jsonl`` file with the columns of ``IDENTIFICATION``; under its name only when whole.
            None counts only.
        options: how to read, and how many languages a document gets.
        identifier: the model.
        watch: is told of the progress.

    Raises:
        CorpusError: the output has another ending.
        SeedError: an input is missing or empty.
    """
    counts: dict[str | None, tuple[int, float]] = {}
    broken: dict[str, str] = {}
    batches = read_corpus(inputs, options.reading)

    def frames() -> Iterator[pl.DataFrame]:
        for batch in batches:
            frame = _identified(batch, identifier)
            documents = frame.filter(pl.col("id").is_not_null())
            found = documents.group_by("language").agg(pl.len(), pl.col("language_score").sum().alias("score"))
            for code, rows, score in found.rows():
                before = counts.get(code, (0, 0.0))
                counts[code] = (before[0] + rows, before[1] + score)
            broken.update(frame.filter(pl.col("reason").is_in(BROKEN)).select("source", "reason").iter_rows())
            watch("judge", frame.height, batch.size)
            yield frame

    if out is None:
        for _ in frames():
            pass
    else:
        _writer(out)(frames(), out)
    rows = [(code, rows, score / rows if code else None) for code, (rows, score) in counts.items()]
    schema = {"language": pl.String, "documents": pl.Int64, "mean_score": pl.Float64}
    counted = pl.DataFrame(rows, schema=schema, orient="row")
    return Identified(counted.sort("documents", "language", descending=[True, False]), broken)


def _identified(batch: Batch, identifier: Identifier) -> pl.DataFrame:
    found = identifier.predict(batch.documents["text"])
    documents = batch.documents.select(
        pl.col("file").alias("source"),
        "line",
        pl.col("document_id").alias("id"),
        pl.when(pl.col("language") != UNDETERMINED).then("language").alias("language_declared"),
        found["labels"].list.first().alias("language"),
        found["scores"].list.first().alias("language_score"),
        found["labels"].alias("languages"),
        found["scores"].alias("scores"),
    )
    bad = batch.quarantined.select(pl.col("file").alias("source"), "line", "reason")
    both = pl.concat([documents, bad], how="diagonal").sort("line", nulls_last=True, maintain_order=True)
    return both.select(*IDENTIFICATION).cast(IDENTIFICATION)


def _writer(out: Path) -> Callable[[Iterator[pl.DataFrame], Path], None]:
    if out.suffix not in _WRITERS:
        raise CorpusError(f"{out}: give a name that ends in {' or '.join(_WRITERS)}")
    if not out.parent.is_dir():
        raise CorpusError(f"no folder {out.parent}: make it first")
    return _WRITERS[out.suffix]


def _parquet(frames: Iterator[pl.DataFrame], out: Path) -> None:
    beside = _beside(out)
    try:
        write_rows(frames, beside, IDENTIFICATION)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)


def _jsonl(frames: Iterator[pl.DataFrame], out: Path) -> None:
    beside = _beside(out)
    try:
        with beside.open("wb") as stream:
            for frame in frames:
                frame.write_ndjson(stream)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)


def _beside(out: Path) -> Path:
    return out.with_name(f".{out.name}.{os.getpid()}")


_WRITERS = {".parquet": _parquet, ".jsonl": _jsonl}
