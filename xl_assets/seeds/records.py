"""Lines of JSON to raw records, and to quarantined lines where there is no record.

A raw record has the columns of ``FIELDS`` as the source wrote them, and `line`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from xl_assets.seeds.layouts import FIELDS, missing_column, parts_of, top_level
from xl_assets.seeds.lines import HEAD_BYTES, Line, Lines

RECORD = {**dict.fromkeys(FIELDS, pl.String), "line": pl.Int64}
BAD = {"line": pl.Int64, "byte_offset": pl.Int64, "row_group": pl.Int64, "reason": pl.String, "head": pl.String}

#: Objects without a mapped column after which a corpus is given up. Not the first ones: they may be faults.
_PATIENCE = 10_000


@dataclass
class Part:
    """What became of some lines or rows: each is a record or a bad line.

    Attributes:
        records: schema ``RECORD``.
        bad: schema ``BAD``.
        objects: JSON objects among the lines; 0 for a format whose columns are known beforehand.
        first: our column -> place of the first object that has it.
        names: the columns of some objects, where one is missing.
    """

    records: pl.DataFrame
    bad: pl.DataFrame
    objects: int = 0
    first: Mapping[str, int] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


class ColumnCheck:
    """Whether the mapped columns exist at all: a wrong mapping must not read as a corpus full of faults.

    The answer depends on the objects and their order alone, not on how they were batched.
    """

    def __init__(self, columns: Mapping[str, str], asked: Iterable[str], location: str) -> None:
        self._columns = columns
        self._missing = set(asked)
        self._location = location
        self._objects = 0
        self._names: set[str] = set()

    def add(self, part: Part) -> None:
        """Take a further part into account.

        Raises:
            SeedError: none of the first objects has the column.
        """
        if not self._missing or not part.objects:
            return
        self._missing -= {ours for ours, at in part.first.items() if self._objects + at < _PATIENCE}
        self._objects += part.objects
        self._names |= part.names
        if self._objects >= _PATIENCE:
            self.end()

    def end(self) -> None:
        """The corpus has ended.

        Raises:
            SeedError: no object had the column.
        """
        if self._missing and self._objects:
            ours = min(self._missing, key=list(FIELDS).index)
            raise missing_column(self._location, ours, self._columns[ours], self._names)


class LineParser:
    """Parses JSON lines in batches.

    A text without a path is handed from the decoder to Polars as it was written, and unescaped there for the
    whole batch, which costs a third of the way over Python's strings.
    """

    def __init__(self, columns: Mapping[str, str], asked: Iterable[str]) -> None:
        self._columns = columns
        self._asked = tuple(asked)
        raw = columns["text"] if not set(".+") & set(columns["text"]) else None
        names = sorted({name for column in columns.values() for part in parts_of(column) for name in top_level(part)})
        places = {name: f"f{place}" for place, name in enumerate(names)}
        # Any: a wrong type in one field must not hide what is in the others.
        fields = [(place, msgspec.Raw if name == raw else Any, msgspec.UNSET) for name, place in places.items()]
        row = msgspec.defstruct("Row", fields, rename={place: name for name, place in places.items()}, gc=False)
        self._decoder = msgspec.json.Decoder(row)
        self._raw = attrgetter(places[raw]) if raw else None
        self._getters = {ours: _getter(theirs, places) for ours, theirs in columns.items()}

    def parse(self, lines: Lines) -> Part:
        """Every line is a record or a bad line."""
        rows, at, bad = self._decode(lines)
        text, problems = _raw_texts(map(self._raw, rows)) if self._raw else _texts(map(self._getters["text"], rows))
        bad += [_bad(lines.line(at[place]), problem) for place, problem in problems.items()]
        good = [place for place in range(len(rows)) if place not in problems] if problems else range(len(rows))
        kept = [rows[place] for place in good] if problems else rows
        values: dict[str, Any] = {
            ours: _as_texts(map(getter, kept)) for ours, getter in self._getters.items() if ours != "text"
        }
        values["text"] = text.gather(list(good)) if problems else text
        values["line"] = [lines.first + at[place] for place in good]
        records = pl.DataFrame(values, schema_overrides=RECORD).select(*RECORD)
        first = {ours: place for ours in self._asked if (place := self._first(ours, rows)) is not None}
        names = self._names(lines, at) if len(first) < len(self._asked) else frozenset()
        return Part(records, bad_lines(bad), len(rows), first, names)

    def _decode(self, lines: Lines) -> tuple[list[Any], list[int], list["Bad"]]:
        """Decoded rows, their positions, and the lines that are no object."""
        rows: list[Any] = []
        at: list[int] = []
        bad: list[Bad] = []
        decode = self._decoder.decode
        for place, data in enumerate(lines.data):
            try:
                if place in lines.problems:
                    bad.append(_bad(lines.line(place), lines.problems[place]))
                    continue
                rows.append(decode(data))
                at.append(place)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                bad.append(_bad(lines.line(place), _reason(data, error)))
        return rows, at, bad

    def _first(self, ours: str, rows: Sequence[Any]) -> int | None:
        getter = self._getters[ours]
        return next((place for place, row in enumerate(rows) if getter(row) is not msgspec.UNSET), None)

    def _names(self, lines: Lines, at: Sequence[int]) -> frozenset[str]:
        names: set[str] = set()
        for place in at[:100]:
            try:
                names.update(msgspec.json.decode(lines.data[place], type=dict[str, msgspec.Raw]))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # fields that nobody mapped were not looked at before
        return frozenset(names)


Bad = tuple[int | None, int | None, int | None, str, str | None]


def bad_lines(rows: Sequence[Bad]) -> pl.DataFrame:
    """Bad lines as a frame, in the file's order."""
    return pl.DataFrame(rows, schema=BAD, orient="row").sort("byte_offset", maintain_order=True)


def bad_line(line: Line, reason: str) -> Bad:
    """One line that is no record."""
    return _bad(line, reason)


def _bad(line: Line, reason: str) -> Bad:
    return (line.number, line.offset, None, reason, line.data[:HEAD_BYTES].decode(errors="replace"))


def _getter(column: str, places: Mapping[str, str]) -> Any:
    parts = [_path_getter(part, places) for part in parts_of(column)]
    if len(parts) == 1:
        return parts[0]

    def joined(row: Any) -> Any:
        values = [part(row) for part in parts]
        return "_".join(values) if all(isinstance(value, str) for value in values) else values[0]

    return joined


def _path_getter(column: str, places: Mapping[str, str]) -> Any:
    whole = attrgetter(places[column])
    if "." not in column:
        return whole
    name, *path = column.split(".")
    outer = attrgetter(places[name])

    def found(row: Any) -> Any:
        value = whole(row)
        return value if value is not msgspec.UNSET else _walk(outer(row), path)

    return found


def _walk(value: Any, path: Iterable[str]) -> Any:
    for name in path:
        if isinstance(value, dict):
            value = value.get(name, msgspec.UNSET)
        elif isinstance(value, list) and name.isdecimal():
            value = value[int(name)] if int(name) < len(value) else msgspec.UNSET
        else:
            return msgspec.UNSET
    return value


def _raw_texts(values: Iterable[Any]) -> tuple[pl.Series, dict[int, str]]:
    """The texts; what is wrong with those that are none, by position."""
    written = [b"" if value is msgspec.UNSET else bytes(value) for value in values]
    problems = {place: _raw_problem(value) for place, value in enumerate(written) if value[:1] != b'"'}
    try:
        return _unescaped(written, problems), problems
    except pl.exceptions.ComputeError:  # the decoder has checked all but the encoding
        problems |= {
            place: "bad_utf8" for place, value in enumerate(written) if place not in problems and not _is_utf8(value)
        }
        return _unescaped(written, problems), problems


def _unescaped(written: Sequence[bytes], problems: Mapping[int, str]) -> pl.Series:
    strings = [b"null" if place in problems else value for place, value in enumerate(written)] if problems else written
    return pl.Series(strings, dtype=pl.Binary).cast(pl.String).str.json_decode(pl.String)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _texts(values: Iterable[Any]) -> tuple[pl.Series, dict[int, str]]:
    found = list(values)
    problems = {place: text_problem(value) for place, value in enumerate(found) if not isinstance(value, str)}
    texts = [None if place in problems else value for place, value in enumerate(found)]
    return pl.Series(texts, dtype=pl.String), problems


def _as_texts(values: Iterable[Any]) -> list[str | None]:
    return [value if type(value) is str else _as_text(value) for value in values]


def _as_text(value: object) -> str | None:
    if value is None or value is msgspec.UNSET:
        return None
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, RecursionError):  # a number of hundreds of digits, or lists in lists: no id, no name
        return None


def _raw_problem(value: bytes) -> str:
    try:
        return text_problem(msgspec.json.decode(value) if value else msgspec.UNSET)
    except UnicodeDecodeError:
        return "bad_utf8"
    except (msgspec.DecodeError, RecursionError):
        return "bad_json"


def text_problem(value: object) -> str:
    """Why a value is no text."""
    if value is msgspec.UNSET:
        return "no_text"
    return "null_text" if value is None else "text_not_string"


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
