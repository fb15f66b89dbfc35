"""Seed corpora, read in bounded memory, with every line accounted for."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import polars as pl

from xl_assets.identity import content_address
from xl_assets.languages import registry
from xl_assets.seeds.lines import Line, read_lines
from xl_assets.seeds.occurrences import Occurrences
from xl_assets.seeds.records import FIELDS, LineParser, read_parquet
from xl_assets.seeds.sources import SeedError, SeedFile, find_files
from xl_assets.tables import QuarantinedLine, SeedDocument, empty_table

#: A line that could be given to no language (ISO 639-2: undetermined).
UNDETERMINED = "und"


class SeedBatch(NamedTuple):
    """What became of a batch of lines: ``lines == documents.height + quarantined.height + other_language``.

    Attributes:
        documents: table ``SeedDocument``.
        quarantined: table ``QuarantinedLine``. One entry for a break between two lines has no line number
            and is counted in `lines` too.
        lines: physical lines, or Parquet rows, read.
        other_language: rows that were left out because their language column names another language.
    """

    documents: pl.DataFrame
    quarantined: pl.DataFrame
    lines: int
    other_language: int


def read_seeds(
    location: str,
    language: str | None,
    *,
    columns: Mapping[str, str] | None = None,
    select_language: bool = False,
    storage_options: Mapping[str, object] | None = None,
    batch_rows: int = 10_000,
    batch_bytes: int = 32 << 20,
    max_line_bytes: int = 16 << 20,
) -> Iterator[SeedBatch]:
    """Read a corpus batch by batch.

    ``document_id`` covers language, source id, URL and text, and, for rows equal in all of these, their
    occurrence number; so it does not depend on file names, line numbers or batches.

    Args:
        location: file, folder, glob or URL of ``.jsonl.zst``, ``.jsonl.gz``, ``.jsonl`` or ``.parquet`` files.
        language: code that all documents get. None takes each row's own language column (known labels
            such as ``deu_Latn`` become their code).
        columns: our column -> the source's, e.g. ``{"text": "content"}``; the rest as in ``records.FIELDS``.
        select_language: for files of many languages: leave out the rows whose language column differs.
        storage_options: for the file system of a URL.
        batch_rows: most lines in a batch.
        batch_bytes: most bytes in a batch of lines, unless one line alone is longer.
        max_line_bytes: a longer line is quarantined (``line_too_long``) and never held whole.

    Raises:
        SeedError: missing path, empty corpus, unknown ending, wrong schema, or no row of the selected language.
    """
    if unknown := sorted(set(columns or {}) - set(FIELDS)):
        raise SeedError(f"columns: {unknown} are none of ours; map {', '.join(FIELDS)}")
    asked = [*(columns or {}), *(["language"] if select_language or language is None else [])]
    files = find_files(location, storage_options)
    parser = LineParser(columns or {}, asked, location)

    def batches() -> Iterator[tuple[str, int, pl.DataFrame, pl.DataFrame]]:
        for file in files:
            with file.open() as stream:
                if file.format == "parquet":
                    parts = read_parquet(stream, columns or {}, asked, f"{location} ({file.name})", batch_rows)
                else:
                    lines = read_lines(stream, file.compression, max_line_bytes)
                    parts = (parser.parse(batch) for batch in _batches(lines, batch_rows, batch_bytes))
                for records, bad in parts:
                    yield file.name, records.height + bad.height, records, bad

    return _documents(batches(), language, select_language, location)


def collect_seeds(location: str, language: str | None, **options: object) -> SeedBatch:
    """Read a whole corpus into memory; arguments and errors as `read_seeds`."""
    batches = list(read_seeds(location, language, **options))  # type: ignore[arg-type]
    return SeedBatch(
        pl.concat([batch.documents for batch in batches]),
        pl.concat([batch.quarantined for batch in batches]),
        sum(batch.lines for batch in batches),
        sum(batch.other_language for batch in batches),
    )


def _batches(lines: Iterable[Line], batch_rows: int, batch_bytes: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) >= batch_rows or size + len(line.data) > batch_bytes):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.data)
    if batch:
        yield batch


def _documents(
    batches: Iterable[tuple[str, int, pl.DataFrame, pl.DataFrame]],
    language: str | None,
    select_language: bool,
    location: str,
) -> Iterator[SeedBatch]:
    occurrences = Occurrences()
    seen: set[str] = set()
    lines = documents = 0
    for file, count, records, bad in batches:
        wanted = _in_language(records, language, select_language)
        seen.update(islice(records["language"].drop_nulls().unique(), 20 - len(seen)) if len(seen) < 20 else ())
        batch = SeedBatch(
            _as_documents(wanted, file, occurrences),
            _as_quarantined(bad, file, language),
            count,
            records.height - wanted.height,
        )
        lines += count
        documents += batch.documents.height
        yield batch
    if not lines:
        raise SeedError(f"seed corpus {location} is empty: it has no line; name one with documents")
    if select_language and not documents:
        raise SeedError(
            f"seed corpus {location} has no document whose language column says {language!r}; "
            f"it has {', '.join(sorted(seen)) or 'none'}"
        )


def _in_language(records: pl.DataFrame, language: str | None, select_language: bool) -> pl.DataFrame:
    codes = {label: entry.code for entry in registry().values() for label in entry.lid_labels}
    declared = pl.col("language").replace(codes)
    if language is None:
        return records.with_columns(declared.fill_null(UNDETERMINED))
    chosen = records.filter(declared.eq_missing(language)) if select_language else records
    return chosen.with_columns(pl.lit(language).alias("language"))


def _as_documents(records: pl.DataFrame, file: str, occurrences: Occurrences) -> pl.DataFrame:
    if records.is_empty():
        return empty_table(SeedDocument)
    parts = ("language", "source_id", "url", "text")
    key = content_address("occurrence", *parts).str.head(16).str.to_integer(base=16, dtype=pl.UInt64)
    number = occurrences.number(records.select(key.alias("key"))["key"].to_numpy())
    return records.with_columns(pl.Series("occurrence", number), pl.lit(file).alias("file")).select(
        content_address("document", *parts, "occurrence").alias("document_id"),
        *(name for name in SeedDocument.column_names() if name != "document_id"),
    )


def _as_quarantined(bad: pl.DataFrame, file: str, language: str | None) -> pl.DataFrame:
    if bad.is_empty():
        return empty_table(QuarantinedLine)
    found = bad.with_columns(pl.lit(language or UNDETERMINED).alias("language"), pl.lit(file).alias("file"))
    line_id = content_address("quarantined_line", "language", "file", "line", "byte_offset", "reason")
    return found.with_columns(line_id.alias("line_id")).select(QuarantinedLine.column_names())


__all__ = ["SeedBatch", "SeedError", "SeedFile", "collect_seeds", "read_seeds"]
