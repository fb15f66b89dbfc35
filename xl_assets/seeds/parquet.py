"""Parquet rows to raw records, a few at a time whatever the size of a row group."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress
from typing import BinaryIO, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xl_assets.seeds.layouts import FIELDS, missing_column, parts_of
from xl_assets.seeds.lines import HEAD_BYTES
from xl_assets.seeds.records import BAD, RECORD, Part
from xl_assets.seeds.sources import SeedError

#: Bytes of a column that are read at once; without a buffer Arrow reads a row group's column as a whole.
_BUFFER = 1 << 20

#: What a broken file raises.
_BROKEN = (pa.ArrowException, OSError, MemoryError, OverflowError, UnicodeDecodeError, KeyError)

#: Gets a column out of a batch.
_Value = Callable[[pa.RecordBatch], pa.Array]


class ParquetParser:
    """Reads Parquet files.

    Args:
        columns: our column -> the source's.
        asked: our columns that the file must have.
        location: for messages.
        batch_rows: most rows of a part.
        batch_bytes: most bytes of a part's texts, as far as the file's own figures tell.
        max_bytes: a longer text is quarantined (``text_too_long``).
    """

    def __init__(
        self,
        columns: Mapping[str, str],
        asked: Iterable[str],
        location: str,
        *,
        batch_rows: int,
        batch_bytes: int,
        max_bytes: int,
    ) -> None:
        self._columns = columns
        self._asked = tuple(asked)
        self._location = location
        self._batch_rows = batch_rows
        self._batch_bytes = batch_bytes
        self._limit = max_bytes

    def parse(self, stream: BinaryIO) -> Iterator[Part]:
        """Yield parts; `line` is the row's number from 1, over all row groups.

        A row group that can't be read is one bad row, reason ``corrupt``, at its first row that could not; the
        others are read. A file that can't be opened is one bad row without number.

        Raises:
            SeedError: the text column, or one that was asked for, is missing, or the text column holds no text.
        """
        try:
            file = pq.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False, page_checksum_verification=True)
            values, needed = self._check_schema(file.schema_arrow)
            groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
        except _BROKEN as error:
            yield _corrupt(None, None, error)
            return
        first = 1
        for number, group in enumerate(groups):
            row = first
            try:
                rows = self._rows_at_once(group)
                for batch in file.iter_batches(rows, row_groups=[number], columns=needed, use_threads=False):
                    yield self._part(batch, values, row, number)
                    row += batch.num_rows
            except _BROKEN as error:
                yield _corrupt(row, number, error)
            first += group.num_rows

    def _rows_at_once(self, group: pq.RowGroupMetaData) -> int:
        per_row = max(1, group.total_byte_size // max(1, group.num_rows))
        return max(1, min(self._batch_rows, self._batch_bytes // per_row))

    def _part(self, batch: pa.RecordBatch, values: Mapping[str, _Value], first: int, group: int) -> Part:
        valid, lines, invalid = _by_encoding(batch, first)
        # Only flat columns of text go to Polars, under our names: it does not survive a broken name in a schema.
        columns = {ours: value(valid).cast(pa.large_string()) for ours, value in values.items()}
        columns["text"], long = _shortened(columns["text"], self._limit)
        texts = {ours: pl.from_arrow(column) for ours, column in columns.items()}
        rows = pl.DataFrame({"line": pl.Series(lines, dtype=pl.Int64), "_long": long, **texts}).with_columns(
            pl.lit(None, dtype=pl.String).alias(ours) for ours in FIELDS if ours not in values
        )
        problem = (
            pl.when(pl.col("text").is_null()).then(pl.lit("null_text")).when("_long").then(pl.lit("text_too_long"))
        )
        judged = rows.with_columns(problem.alias("reason"))
        head = pl.col("text").str.head(HEAD_BYTES).alias("head")
        bad = judged.filter(pl.col("reason").is_not_null()).select("line", "reason", head)
        broken = pl.DataFrame({"line": invalid}, schema={"line": pl.Int64}).with_columns(reason=pl.lit("bad_utf8"))
        every = pl.concat([bad, broken], how="diagonal").sort("line")
        placed = every.with_columns(byte_offset=pl.lit(None, pl.Int64), row_group=pl.lit(group, pl.Int64))
        return Part(judged.filter(pl.col("reason").is_null()).select(*RECORD), placed.select(*BAD))

    def _check_schema(self, schema: pa.Schema) -> tuple[dict[str, _Value], list[str]]:
        """How our columns are got out of a batch, and the file's columns that are needed."""
        values: dict[str, _Value] = {}
        needed: set[str] = set()
        for ours, theirs in self._columns.items():
            found = [_find(schema, part) for part in parts_of(theirs)]
            if ours in self._asked and any(one.kind is None for one in found):
                raise missing_column(self._location, ours, theirs, schema.names)
            if ours == "text" and not _is_text(found[0].kind):
                raise SeedError(
                    f"{self._location}: column {theirs!r} has type {found[0].kind}, not string; "
                    "map text to another column"
                )
            if all(_is_scalar(one.kind) for one in found):
                values[ours] = _joined([one.value for one in found])
                needed |= {one.needed for one in found}
        return values, sorted(needed)


class _Found(NamedTuple):
    """A column, or what a path leads to: its value, its type (None: not there) and what of the file it needs."""

    value: _Value
    kind: pa.DataType | None
    needed: str


def _find(schema: pa.Schema, column: str) -> _Found:
    if column in schema.names:
        return _Found(_whole(column), schema.field(column).type, column)
    name, *path = column.split(".")
    kind = schema.field(name).type if name in schema.names else None
    value, needed, in_list = _whole(name), name, False
    for step in path:
        if kind is not None and pa.types.is_struct(kind) and kind.get_field_index(step) >= 0:
            value, kind = _field(value, step), kind.field(step).type
            needed = needed if in_list else f"{needed}.{step}"
        elif kind is not None and _is_list(kind) and step.isdecimal():
            value, kind, in_list = _item(value, int(step)), kind.value_type, True
        else:
            return _Found(value, None, needed)
    return _Found(value, kind, needed)


def _whole(name: str) -> _Value:
    return lambda batch: batch.column(name)


def _field(outer: _Value, name: str) -> _Value:
    return lambda batch: pc.struct_field(outer(batch), [name])


def _item(outer: _Value, at: int) -> _Value:
    """An item of a list, null where the list is shorter."""
    return lambda batch: pc.list_element(pc.list_slice(outer(batch), at, at + 1, return_fixed_size_list=True), 0)


def _joined(values: list[_Value]) -> _Value:
    if len(values) == 1:
        return values[0]
    kind = pa.large_string()
    # The separator is named as of the columns' type: not every version of pyarrow casts it.
    joined = pa.scalar("_", kind)
    return lambda batch: pc.binary_join_element_wise(*(value(batch).cast(kind) for value in values), joined)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _is_text(kind: pa.DataType | None) -> bool:
    if kind is not None and pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind is not None and (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_scalar(kind: pa.DataType | None) -> bool:
    """Whether a value can stand as an id or a name; any other is left out."""
    return kind is not None and (
        _is_text(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
    )


def _by_encoding(batch: pa.RecordBatch, first: int) -> tuple[pa.RecordBatch, list[int], list[int]]:
    """The rows whose strings are UTF-8, their line numbers, and those of the others.

    Arrow does not look at the bytes of a string column, and Polars relies on them.
    """
    lines = list(range(first, first + batch.num_rows))
    try:
        batch.validate(full=True)
        return batch, lines, []
    except pa.ArrowInvalid:
        valid = [_is_valid(batch.slice(row, 1)) for row in range(batch.num_rows)]
        rows = batch.filter(pa.array(valid, pa.bool_()))
        return rows, list(compress(lines, valid)), [line for line, good in zip(lines, valid, strict=True) if not good]


def _shortened(texts: pa.Array, limit: int) -> tuple[pa.Array, pl.Series]:
    """Texts, those of more bytes than the limit cut to their heads before anything copies them; and which those are."""
    long = pc.fill_null(pc.greater(pc.binary_length(texts), limit), False)
    if pc.any(long).as_py():
        texts = pc.if_else(long, pc.utf8_slice_codeunits(texts, 0, HEAD_BYTES), texts)
    return texts, pl.Series(pl.from_arrow(long), dtype=pl.Boolean)


def _is_valid(row: pa.RecordBatch) -> bool:
    try:
        row.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _corrupt(line: int | None, group: int | None, error: BaseException) -> Part:
    # No byte offset: pyarrow ends the process where it is asked for a broken column's place.
    bad = [(line, None, group, "corrupt", str(error)[:HEAD_BYTES])]
    return Part(pl.DataFrame(schema=RECORD), pl.DataFrame(bad, schema=BAD, orient="row"))
