"""Several inputs read as one corpus: batches in a fixed order, each record with its source and its own id."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from xl_assets.corpus.options import CorpusError, ReadOptions
from xl_assets.identity import content_address
from xl_assets.languages import any_language
from xl_assets.seeds.occurrences import Occurrences
from xl_assets.seeds.readers import SeedBatch, read_seeds

#: Reasons of quarantined lines behind which more of the file is lost.
BROKEN = ("truncated", "corrupt")


class Batch(NamedTuple):
    """One batch of records: every record is in exactly one of the two tables.

    Attributes:
        number: counts from 0; the same for the same inputs and batch size.
        documents: table ``SeedDocument``; `file` tells inputs of the same name apart.
        quarantined: table ``QuarantinedLine``.
        size: bytes of text.
    """

    number: int
    documents: pl.DataFrame
    quarantined: pl.DataFrame
    size: int


def read_corpus(inputs: Sequence[str], options: ReadOptions) -> Iterator[Batch]:
    """Read all inputs, one after the other.

    Where a document of one input occurs in an earlier one too, its id also covers how often it did; within one
    input ids are those of `read_seeds`.

    Args:
        inputs: files, folders, globs or URLs.
        options: language, columns, batch size.

    Raises:
        SeedError: an input is missing, empty or can't be read; raised before anything is read where it can be told.
        UnknownLanguage: the language of the options.
        CorpusError: no input, or one given twice.
    """
    if not inputs:
        raise CorpusError("no corpus: name a file, folder, glob or URL")
    if len(set(inputs)) < len(inputs):
        raise CorpusError("an input is named twice: name each once")
    if options.language is not None:
        any_language(options.language)
    more = {name: value for name in ("layout", "sample") if (value := getattr(options, name)) is not None}
    read = [
        read_seeds(
            location,
            options.language,
            columns=options.columns or None,
            batch_rows=options.batch_rows,
            batch_bytes=options.batch_bytes,
            **more,
        )
        for location in inputs
    ]
    return _numbered(inputs, read)


def _numbered(inputs: Sequence[str], read: Sequence[Iterator[SeedBatch]]) -> Iterator[Batch]:
    seen = Occurrences() if len(inputs) > 1 else None
    number = 0
    for location, batches in zip(inputs, read, strict=True):
        for batch in batches:
            documents, quarantined = batch.documents, batch.quarantined
            if seen is not None:
                source = _source(location)
                documents = _told_apart(documents.with_columns(source), seen)
                quarantined = quarantined.with_columns(source)
            size = int(documents["text"].str.len_bytes().sum())
            yield Batch(number, documents, quarantined, size)
            number += 1


def _source(location: str) -> pl.Expr:
    """The input's name before the file's, unless the input is that file."""
    file = pl.col("file")
    return (
        pl.when(pl.lit(location).str.ends_with(file))
        .then(pl.lit(location))
        .otherwise(pl.format("{}/{}", pl.lit(location.rstrip("/")), file))
        .alias("file")
    )


def _told_apart(documents: pl.DataFrame, seen: Occurrences) -> pl.DataFrame:
    key = pl.col("document_id").str.head(16).str.to_integer(base=16, dtype=pl.UInt64)
    before = seen.number(documents.select(key.alias("key"))["key"].to_numpy())
    if not before.any():
        return documents
    repeated = documents.with_columns(pl.Series("before", before))
    own = content_address("document", "document_id", "before")
    return repeated.with_columns(
        pl.when(pl.col("before") > 0).then(own).otherwise("document_id").alias("document_id")
    ).drop("before")
