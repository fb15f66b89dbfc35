"""Lines and Parquet rows to raw records, and to quarantined lines where there is no record.

A raw record has the columns of ``FIELDS`` as the source wrote them, with `file` and `line`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from xl_assets.seeds.lines import HEAD_BYTES, Line
from xl_assets.seeds.sources import SeedError

#: Our column -> the source's, where the caller maps none.
FIELDS: Mapping[str, str] = {
    "text": "text",
    "source_id": "id",
    "url": "url",
    "source": "source",
    "license": "license",
    "language": "language",
}

RECORD = {**dict.fromkeys(FIELDS, pl.String), "line": pl.Int64}
BAD = {"line": pl.Int64, "byte_offset": pl.Int64, "reason": pl.String, "head": pl.String}


class LineParser:
    """Parses JSON lines in batches.

    The first batch with an object in it also decides whether the mapped columns exist at all.
    """

    def __init__(self, columns: Mapping[str, str], asked: Sequence[str], location: str) -> None:
        self._columns = {**FIELDS, **columns}
        self._asked = ("text", *asked)
        self._location = location
        self._checked = False
        theirs = sorted(set(self._columns.values()))
        # Any: a wrong type in one field must not hide what is in the others.
        row = msgspec.defstruct(
            "Row",
            [(f"f{i}", Any, msgspec.UNSET) for i in range(len(theirs))],
            rename={f"f{i}": name for i, name in enumerate(theirs)},
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(row)
        self._attributes = {ours: f"f{theirs.index(name)}" for ours, name in self._columns.items()}

    def parse(self, lines: Sequence[Line]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return (records, bad lines): every line is in exactly one of them."""
        rows: list[tuple[Line, Any]] = []
        bad: list[tuple[int | None, int, str, str]] = []
        for line in lines:
            try:
                if line.problem:
                    bad.append(_bad(line, line.problem))
                else:
                    rows.append((line, self._decoder.decode(line.data)))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                bad.append(_bad(line, _reason(line.data, error)))
        self._check_columns(rows)
        text = self._attributes["text"]
        good = []
        for line, row in rows:
            value = getattr(row, text)
            if isinstance(value, str):
                good.append((line, row))
            else:
                bad.append(_bad(line, _text_problem(value)))
        columns: dict[str, list[Any]] = {
            ours: [_as_text(getattr(row, name)) for _, row in good] for ours, name in self._attributes.items()
        }
        columns["line"] = [line.number for line, _ in good]
        return pl.DataFrame(columns, schema=RECORD), pl.DataFrame(bad, schema=BAD, orient="row").sort("byte_offset")

    def _check_columns(self, rows: Sequence[tuple[Line, Any]]) -> None:
        if self._checked or not rows:
            return
        self._checked = True
        for ours in self._asked:
            if all(getattr(row, self._attributes[ours]) is msgspec.UNSET for _, row in rows):
                seen = sorted({name for line, _ in rows[:100] for name in msgspec.json.decode(line.data, type=dict)})
                raise SeedError(_no_column(self._location, ours, self._columns[ours], seen))


def read_parquet(
    stream: BinaryIO, columns: Mapping[str, str], asked: Sequence[str], location: str, batch_rows: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield (records, bad rows) of a Parquet file, a batch at a time.

    `line` is the row's number from 1. A file that can't be opened, or breaks off, gives one bad row
    without number, reason ``corrupt``.

    Raises:
        SeedError: the text column is missing or holds no text.
    """
    theirs = {**FIELDS, **columns}
    first = 1
    try:
        file = pq.ParquetFile(stream)
        names = _check_schema(file.schema_arrow, theirs, asked, location)
        for batch in file.iter_batches(batch_size=batch_rows, columns=sorted(set(names.values()))):
            frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            yield _rows(frame, names, first)
            first += frame.height
    except (pa.ArrowException, OSError) as error:
        bad = [(None, None, "corrupt", str(error)[:HEAD_BYTES])]
        yield pl.DataFrame(schema=RECORD), pl.DataFrame(bad, schema=BAD, orient="row")


def _rows(frame: pl.DataFrame, names: Mapping[str, str], first: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    values = [
        (pl.col(names[ours]).cast(pl.String) if ours in names else pl.lit(None, dtype=pl.String)).alias(ours)
        for ours in FIELDS
    ]
    rows = frame.select(*values, pl.int_range(first, first + frame.height, dtype=pl.Int64).alias("line"))
    missing = rows.filter(pl.col("text").is_null()).select(
        "line",
        pl.lit(None, dtype=pl.Int64).alias("byte_offset"),
        pl.lit("null_text").alias("reason"),
        pl.lit(None, dtype=pl.String).alias("head"),
    )
    return rows.filter(pl.col("text").is_not_null()), missing


def _check_schema(schema: pa.Schema, theirs: Mapping[str, str], asked: Iterable[str], location: str) -> dict[str, str]:
    for ours in ("text", *asked):
        if theirs[ours] not in schema.names:
            raise SeedError(_no_column(location, ours, theirs[ours], schema.names))
    kind = schema.field(theirs["text"]).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise SeedError(
            f"{location}: column {theirs['text']!r} has type {kind}, not string; map text to another column"
        )
    return {
        ours: name
        for ours, name in theirs.items()
        if name in schema.names and not pa.types.is_nested(schema.field(name).type)
    }


def _no_column(location: str, ours: str, theirs: str, seen: Iterable[str]) -> str:
    return (
        f"{location}: no column {theirs!r} for {ours}; the columns are {', '.join(sorted(seen)) or '(none)'}. "
        f'Map one of them, e.g. columns = {{{ours} = "content"}}'
    )


def _reason(data: bytes, error: Exception) -> str:
    if not data.strip():
        return "blank_line"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "bad_utf8"
    if isinstance(error, msgspec.ValidationError) and str(error).startswith("Expected `object`"):
        return "not_an_object"
    return "bad_json"


def _text_problem(value: object) -> str:
    if value is msgspec.UNSET:
        return "no_text"
    return "null_text" if value is None else "text_not_string"


def _bad(line: Line, reason: str) -> tuple[int | None, int, str, str]:
    return (line.number, line.offset, reason, line.data[:HEAD_BYTES].decode(errors="replace"))


def _as_text(value: object) -> str | None:
    if value is None or value is msgspec.UNSET:
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
