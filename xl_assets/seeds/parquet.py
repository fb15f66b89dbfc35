"""Parquet rows to raw records, a few at a time whatever the size of a row group."""

from collections.abc import Iterable, Iterator, Mapping
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

#: Number of a row, beside the file's own columns.
_LINE = "\x1fline"

_BROKEN = (pa.ArrowException, OSError, MemoryError, OverflowError, UnicodeDecodeError)


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
            yield _corrupt(None, None, None, error)
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
                yield _corrupt(row, number, _offset(group), error)
            first += group.num_rows

    def _rows_at_once(self, group: pq.RowGroupMetaData) -> int:
        per_row = max(1, group.total_byte_size // max(1, group.num_rows))
        return max(1, min(self._batch_rows, self._batch_bytes // per_row))

    def _part(self, batch: pa.RecordBatch, values: Mapping[str, pl.Expr], first: int, group: int) -> Part:
        lines = pa.array(range(first, first + batch.num_rows), pa.int64())
        valid, invalid = _by_encoding(batch.append_column(_LINE, lines))
        frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([valid])))
        nothing = pl.lit(None, dtype=pl.String)
        rows = frame.select(
            *(values.get(ours, nothing).cast(pl.String).alias(ours) for ours in FIELDS), pl.col(_LINE).alias("line")
        )
        problem = (
            pl.when(pl.col("text").is_null())
            .then(pl.lit("null_text"))
            .when(pl.col("text").str.len_bytes() > self._limit)
            .then(pl.lit("text_too_long"))
        )
        judged = rows.with_columns(problem.alias("reason"))
        head = pl.col("text").str.head(HEAD_BYTES).alias("head")
        bad = judged.filter(pl.col("reason").is_not_null()).select("line", "reason", head)
        broken = pl.DataFrame({"line": invalid}, schema={"line": pl.Int64}).with_columns(reason=pl.lit("bad_utf8"))
        every = (
            pl.concat([bad, broken], how="diagonal")
            .sort("line")
            .with_columns(
                pl.lit(None, dtype=pl.Int64).alias("byte_offset"), pl.lit(group, dtype=pl.Int64).alias("row_group")
            )
        )
        return Part(judged.filter(pl.col("reason").is_null()).select(*RECORD), every.select(*BAD))

    def _check_schema(self, schema: pa.Schema) -> tuple[dict[str, pl.Expr], list[str]]:
        """Our columns as expressions over the file's, and the file's that are needed."""
        values: dict[str, pl.Expr] = {}
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
                parts = [one.value.cast(pl.String) for one in found]
                values[ours] = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator="_")
                needed |= {one.needed for one in found}
        return values, sorted(needed)


class _Found(NamedTuple):
    """A column, or what a path leads to: its value, its type (None: not there) and what of the file it needs."""

    value: pl.Expr
    kind: pa.DataType | None
    needed: str


def _find(schema: pa.Schema, column: str) -> _Found:
    if column in schema.names:
        return _Found(pl.col(column), schema.field(column).type, column)
    name, *path = column.split(".")
    kind = schema.field(name).type if name in schema.names else None
    value, needed, in_list = pl.col(name), name, False
    for step in path:
        if kind is not None and pa.types.is_struct(kind) and kind.get_field_index(step) >= 0:
            value, kind = value.struct.field(step), kind.field(step).type
            needed = needed if in_list else f"{needed}.{step}"
        elif kind is not None and _is_list(kind) and step.isdecimal():
            value, kind, in_list = value.list.get(int(step), null_on_oob=True), kind.value_type, True
        else:
            return _Found(value, None, needed)
    return _Found(value, kind, needed)


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


def _by_encoding(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[int]]:
    """The rows whose strings are UTF-8, and the line numbers of the others.

    Arrow does not look at the bytes of a string column, and Polars relies on them.
    """
    try:
        batch.validate(full=True)
        return batch, []
    except pa.ArrowInvalid:
        valid = pa.array([_is_valid(batch.slice(row, 1)) for row in range(batch.num_rows)], pa.bool_())
        return batch.filter(valid), batch.filter(pc.invert(valid)).column(_LINE).to_pylist()


def _is_valid(row: pa.RecordBatch) -> bool:
    try:
        row.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _offset(group: pq.RowGroupMetaData) -> int | None:
    """Where a row group begins in the file."""
    pages = [group.column(place) for place in range(group.num_columns)]
    return min((page.dictionary_page_offset or page.data_page_offset for page in pages), default=None)


def _corrupt(line: int | None, group: int | None, offset: int | None, error: BaseException) -> Part:
    bad = [(line, offset, group, "corrupt", str(error)[:HEAD_BYTES])]
    return Part(pl.DataFrame(schema=RECORD), pl.DataFrame(bad, schema=BAD, orient="row"))
