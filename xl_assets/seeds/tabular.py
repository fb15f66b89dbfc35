"""CSV and TSV with a header (RFC 4180; quoted fields may hold line ends), in bounded memory."""

import csv
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import polars as pl

from xl_assets.seeds.layouts import FIELDS, missing_column, parts_of
from xl_assets.seeds.lines import Line, Lines
from xl_assets.seeds.records import RECORD, Bad, Part, bad_line, bad_lines

#: Lines that one row may have: what bounds its bytes does not bound a row of a million empty lines.
_MOST_LINES = 100_000


class TableParser:
    """Parses rows; a malformed one is quarantined, and reading goes on with the line after its first one.

    So a stray quote costs one line and not the rest of the file. Where a row breaks off with the file's compressed
    data, all of it is one bad row. In TSV, a line that is malformed as CSV but has the right number of fields is
    taken as it stands: TSV has no quotes (IANA text/tab-separated-values), many a writer uses them nevertheless.

    Args:
        columns: our column -> the source's.
        asked: our columns that the header must have.
        location: for messages.
        delimiter: ``,`` or a tab.
        max_bytes: a row of more bytes is malformed.
    """

    def __init__(
        self, columns: Mapping[str, str], asked: Iterable[str], location: str, delimiter: str, max_bytes: int
    ) -> None:
        self._columns = columns
        self._asked = tuple(asked)
        self._location = location
        self._delimiter = delimiter
        self._limit = max_bytes
        self._fields: dict[str, list[int]] = {}
        self._width = 0

    def parse(self, batches: Iterable[Lines]) -> Iterator[Part]:
        """Yield parts, one for each batch of lines; `line` is where a row begins.

        Raises:
            SeedError: the header lacks a column that was asked for.
        """
        csv.field_size_limit(sys.maxsize)  # rows are bounded here, in bytes
        lines = _Pushed(batches)
        rows: list[list[str | int | None]] = []
        bad: list[Bad] = []
        batch = lines.batches
        while (line := lines.next()) is not None:
            row, problem = self._row(line, lines)
            if problem:
                bad.append(bad_line(line, problem))
            elif not self._width:
                self._read_header(row)
            else:
                rows.append([*self._values(row), line.number])
            if lines.batches != batch:
                yield _part(rows, bad)
                rows, bad, batch = [], [], lines.batches
        yield _part(rows, bad)

    def _row(self, first: Line, lines: "_Pushed") -> tuple[list[str], str | None]:
        """The fields of the row that begins with a line, or what is wrong with it."""
        if first.problem:
            return [], first.problem
        if not first.data.strip():
            return [], "blank_line"
        taken = _Taken(first, lines, self._limit)
        try:
            row = next(csv.reader(taken, delimiter=self._delimiter, strict=True))
            problem = None if not self._width or len(row) == self._width else "wrong_field_count"
        except csv.Error:
            row, problem = [], "unclosed_quote" if taken.exhausted else "bad_csv"
        if problem and taken.broken:
            return [], taken.broken
        if problem:
            lines.push(taken.more)
            if self._delimiter == "\t" and len(literal := taken.first.split("\t")) == self._width:
                row, problem = literal, None
        if taken.bad_utf8 and not problem:
            problem = "bad_utf8"
        return row, problem

    def _read_header(self, row: list[str]) -> None:
        places = {name.strip(): place for place, name in reversed(list(enumerate(row)))}
        self._width = len(row)
        for ours, theirs in self._columns.items():
            found = [places[part] for part in parts_of(theirs) if part in places]
            if len(found) == len(parts_of(theirs)):
                self._fields[ours] = found
            elif ours in self._asked:
                raise missing_column(self._location, ours, theirs, row)

    def _values(self, row: list[str]) -> Iterator[str | None]:
        for ours in FIELDS:
            found = self._fields.get(ours)
            yield None if found is None else "_".join(row[place] for place in found)


class _Pushed:
    """Lines one after the other, some of which may be put back."""

    def __init__(self, batches: Iterable[Lines]) -> None:
        self._back: deque[Line] = deque()
        self.batches = 0
        self._lines = chain.from_iterable(self._counted(batches))

    def next(self) -> Line | None:
        return self._back.popleft() if self._back else next(self._lines, None)

    def push(self, lines: list[Line]) -> None:
        self._back.extendleft(reversed(lines))

    def _counted(self, batches: Iterable[Lines]) -> Iterator[Lines]:
        for lines in batches:
            self.batches += 1
            yield lines


class _Taken:
    """The lines that the csv module takes for one row, no more bytes than a row may have."""

    def __init__(self, first: Line, lines: _Pushed, limit: int) -> None:
        self.more: list[Line] = []
        self.exhausted = False  # the row asked for a line and got none
        self.broken: str | None = None
        self.bad_utf8 = False
        self.first = self._decode(first)
        self._lines = lines
        self._room = limit - len(first.data)
        self._begun = False

    def __iter__(self) -> "_Taken":
        return self

    def __next__(self) -> str:
        if not self._begun:
            self._begun = True
            return self.first + "\n"
        line = self._lines.next()
        if line is None:
            self.exhausted = True
            raise StopIteration
        self.more.append(line)
        self._room -= len(line.data)
        if line.problem or self._room < 0 or len(self.more) > _MOST_LINES:
            self.exhausted = True
            self.broken = line.problem if line.problem in ("truncated", "corrupt") else None
            raise StopIteration
        return self._decode(line) + "\n"

    def _decode(self, line: Line) -> str:
        try:
            return line.data.decode()
        except UnicodeDecodeError:
            self.bad_utf8 = True
            return line.data.decode(errors="replace")


def _part(rows: list[list[str | int | None]], bad: list[Bad]) -> Part:
    records = pl.DataFrame(rows, schema={**dict.fromkeys(FIELDS, pl.String), "line": pl.Int64}, orient="row")
    return Part(records.select(*RECORD), bad_lines(bad))
