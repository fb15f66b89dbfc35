"""Seed corpora, read in bounded memory, with every line accounted for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import NamedTuple, get_args

import polars as pl

from xl_assets.identity import content_address
from xl_assets.languages import registry
from xl_assets.seeds.in_order import read_in_order
from xl_assets.seeds.layouts import layout_columns
from xl_assets.seeds.lines import Lines, read_lines
from xl_assets.seeds.occurrences import Occurrences
from xl_assets.seeds.parquet import ParquetParser
from xl_assets.seeds.plain_text import TextParser, TextUnit
from xl_assets.seeds.records import ColumnCheck, LineParser, Part
from xl_assets.seeds.sampling import check_share, sampled
from xl_assets.seeds.sources import SeedError, SeedFile, find_files
from xl_assets.seeds.tabular import TableParser
from xl_assets.tables import QuarantinedLine, SeedDocument, empty_table

#: A line that could be given to no language (ISO 639-2: undetermined).
UNDETERMINED = "und"

_ADDRESSED = ("language", "source_id", "url", "text")


class SeedBatch(NamedTuple):
    """What became of a batch of lines.

    ``lines == documents.height + quarantined.height + other_language + sampled_out``.

    Attributes:
        documents: table ``SeedDocument``.
        quarantined: table ``QuarantinedLine``. One entry for a break between two lines has no line number
            and is counted in `lines` too.
        lines: records read: physical lines of JSON, rows of a table or of Parquet, documents of plain text.
        other_language: rows that were left out because their language column names another language.
        sampled_out: documents that are not in the sample.
    """

    documents: pl.DataFrame
    quarantined: pl.DataFrame
    lines: int
    other_language: int
    sampled_out: int = 0


@dataclass(frozen=True)
class _Reading:
    """What all files of a corpus are read with; see `read_seeds`."""

    location: str
    language: str | None
    columns: Mapping[str, str]
    asked: tuple[str, ...]
    select_language: bool
    text_unit: TextUnit
    batch_rows: int
    batch_bytes: int
    max_line_bytes: int


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
    layout: str | None = None,
    sample: float = 1.0,
    readers: int = 1,
    text_unit: TextUnit = "file",
) -> Iterator[SeedBatch]:
    """Read a corpus batch by batch, in the order of its files' names.

    ``document_id`` covers language, source id, URL and text, and, for rows equal in all of these, their
    occurrence number; so it does not depend on file names, line numbers, batches or `readers`.

    Args:
        location: file, folder, glob or URL of ``.jsonl``, ``.ndjson``, ``.csv``, ``.tsv`` or ``.txt`` files (also
            ``.zst`` or ``.gz``), of ``.json.zst`` or ``.json.gz``, or of ``.parquet``.
        language: code that all documents get. None takes each row's own language column (known labels
            such as ``deu_Latn`` become their code).
        columns: our column -> the source's, e.g. ``{"text": "content"}``, stronger than the layout's; the rest as
            in ``layouts.FIELDS``. A dotted path reaches into objects and lists: ``meta.url``, ``lang.0``.
        select_language: for files of many languages: leave out the rows whose language column differs.
        storage_options: for the file system of a URL.
        batch_rows: most lines in a batch.
        batch_bytes: most bytes in a batch of lines, unless one line alone is longer.
        max_line_bytes: a longer line is quarantined (``line_too_long``) and never held whole; the same for a
            document of plain text, a row of a table and a text in Parquet.
        layout: name of a published corpus' columns, see ``layouts.LAYOUTS``.
        sample: share of the documents to take, by a hash of their ids: the same ones each time, and a greater
            share only adds to them.
        readers: files that are read at once, each in a thread. The result is the same.
        text_unit: what a document of plain text is: a ``file``, a ``block`` between blank lines, or a ``line``.

    Raises:
        SeedError: missing path, empty corpus, unknown ending or layout, wrong schema, no row of the selected
            language, or a store that does not answer.
    """
    if text_unit not in get_args(TextUnit):
        raise SeedError(f"text_unit = {text_unit!r}: choose one of {', '.join(get_args(TextUnit))}")
    check_share(sample)
    asked = {"text", *(columns or {}), *(["language"] if select_language else [])}
    mapped = layout_columns(layout, columns)
    chosen = _Reading(
        location,
        language,
        mapped,
        tuple(name for name in mapped if name in asked),
        select_language,
        text_unit,
        batch_rows,
        batch_bytes,
        max_line_bytes,
    )
    files = find_files(location, storage_options)
    parts = read_in_order([partial(_read_file, file, chosen) for file in files], readers)
    return _batches(parts, chosen, sample)


def collect_seeds(location: str, language: str | None, **options: object) -> SeedBatch:
    """Read a whole corpus into memory; arguments and errors as `read_seeds`."""
    batches = list(read_seeds(location, language, **options))  # type: ignore[arg-type]
    return SeedBatch(
        pl.concat([batch.documents for batch in batches]),
        pl.concat([batch.quarantined for batch in batches]),
        sum(batch.lines for batch in batches),
        sum(batch.other_language for batch in batches),
        sum(batch.sampled_out for batch in batches),
    )


class _FilePart(NamedTuple):
    """A part of a file, with its records as documents of which only the number of their occurrence is open."""

    file: str
    part: Part
    documents: pl.DataFrame
    languages: list[str]


def _read_file(file: SeedFile, chosen: _Reading) -> Iterator[_FilePart]:
    with file.open() as stream:
        for part in _parts(file, stream, chosen):
            languages = part.records["language"].drop_nulls().unique(maintain_order=True).head(20).to_list()
            wanted = _in_language(part.records, chosen.language, chosen.select_language)
            yield _FilePart(file.name, part, _as_documents(wanted, file.name), languages)


def _parts(file: SeedFile, stream: object, chosen: _Reading) -> Iterator[Part]:
    where = f"{chosen.location} ({file.name})"
    if file.format == "parquet":
        parquet = ParquetParser(
            chosen.columns,
            chosen.asked,
            where,
            batch_rows=chosen.batch_rows,
            batch_bytes=chosen.batch_bytes,
            max_bytes=chosen.max_line_bytes,
        )
        return parquet.parse(stream)  # type: ignore[arg-type]
    lines: Iterator[Lines] = read_lines(
        stream,  # type: ignore[arg-type]
        file.compression,
        chosen.max_line_bytes,
        chosen.batch_rows,
        chosen.batch_bytes,
    )
    if file.format == "text":
        return TextParser(chosen.text_unit, chosen.max_line_bytes).parse(lines)
    if file.format == "jsonl":
        return map(LineParser(chosen.columns, chosen.asked).parse, lines)
    delimiter = {"csv": ",", "tsv": "\t"}[file.format]
    return TableParser(chosen.columns, chosen.asked, where, delimiter, chosen.max_line_bytes).parse(lines)


def _batches(parts: Iterable[_FilePart], chosen: _Reading, sample: float) -> Iterator[SeedBatch]:
    check = ColumnCheck(chosen.columns, chosen.asked, chosen.location)
    occurrences = Occurrences()
    seen: dict[str, None] = {}
    lines = found = 0
    for file, part, documents, languages in parts:
        check.add(part)
        seen.update(dict.fromkeys(islice(languages, max(0, 20 - len(seen)))))
        numbered = _numbered(documents, occurrences)
        taken = numbered if sample == 1 else numbered.filter(sampled(sample))
        batch = SeedBatch(
            taken,
            _as_quarantined(part.bad, file, chosen.language),
            part.records.height + part.bad.height,
            part.records.height - documents.height,
            documents.height - taken.height,
        )
        lines += batch.lines
        found += documents.height
        if batch.lines:
            yield batch
    check.end()
    if not lines:
        raise SeedError(f"seed corpus {chosen.location} is empty: it has no line; name one with documents")
    if chosen.select_language and not found:
        raise SeedError(
            f"seed corpus {chosen.location} has no document whose language column says {chosen.language!r}; "
            f"it has {', '.join(sorted(seen)) or 'none'}"
        )


def _in_language(records: pl.DataFrame, language: str | None, select_language: bool) -> pl.DataFrame:
    codes = {label: entry.code for entry in registry().values() for label in entry.lid_labels}
    declared = pl.col("language").replace(codes)
    if language is None:
        return records.with_columns(declared.fill_null(UNDETERMINED))
    chosen = records.filter(declared.eq_missing(language)) if select_language else records
    return chosen.with_columns(pl.lit(language).alias("language"))


def _as_documents(records: pl.DataFrame, file: str) -> pl.DataFrame:
    """Documents with the ids that they have where each occurs for the first time, as most do."""
    if records.is_empty():
        return _empty(SeedDocument)
    return records.with_columns(pl.lit(file).alias("file")).select(
        content_address("document", *_ADDRESSED, pl.lit(0)).alias("document_id"),
        *(name for name in SeedDocument.column_names() if name != "document_id"),
    )


def _numbered(documents: pl.DataFrame, occurrences: Occurrences) -> pl.DataFrame:
    """The documents with their own ids, those of repeated rows too."""
    key = pl.col("document_id").str.head(16).str.to_integer(base=16, dtype=pl.UInt64)
    numbers = pl.Series("occurrence", occurrences.number(documents.select(key).to_series().to_numpy()))
    if not (numbers > 0).any():
        return documents
    numbered = documents.with_columns(numbers)
    again = numbered.filter(pl.col("occurrence") > 0)
    ids = again.select(content_address("document", *_ADDRESSED, "occurrence")).to_series()
    return documents.with_columns(documents["document_id"].scatter((numbers > 0).arg_true(), ids))


def _as_quarantined(bad: pl.DataFrame, file: str, language: str | None) -> pl.DataFrame:
    if bad.is_empty():
        return _empty(QuarantinedLine)
    found = bad.with_columns(pl.lit(language or UNDETERMINED).alias("language"), pl.lit(file).alias("file"))
    line_id = content_address("quarantined_line", "language", "file", "line", "byte_offset", "reason")
    return found.with_columns(line_id.alias("line_id")).select(QuarantinedLine.column_names())


#: Nearly every batch has one: it is made once, and shared since nothing changes a frame in place.
_empty = cache(empty_table)

__all__ = ["SeedBatch", "SeedError", "SeedFile", "TextUnit", "collect_seeds", "read_seeds"]
