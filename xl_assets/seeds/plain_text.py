"""Plain text: a document is a file, a block of lines between blank lines, or a line."""

from collections.abc import Iterable, Iterator
from typing import Literal

import polars as pl

from xl_assets.seeds.layouts import FIELDS
from xl_assets.seeds.lines import HEAD_BYTES, Line, Lines
from xl_assets.seeds.records import RECORD, Bad, Part, bad_line, bad_lines

TextUnit = Literal["file", "block", "line"]


class TextParser:
    """Collects documents out of lines.

    Args:
        unit: what one document is. Of ``line``, a blank line is quarantined as in JSON lines; of ``block``, blank
            lines only separate (OSCAR 2019 and CC-100 are written so); of ``file``, they belong to the text.
        max_bytes: a longer document is quarantined (``document_too_long``) and never held whole.
    """

    def __init__(self, unit: TextUnit, max_bytes: int) -> None:
        self._unit = unit
        self._limit = max_bytes
        self._first: Line | None = None  # of the document that has begun
        self._text = bytearray()
        self._problem: str | None = None
        self._records: list[tuple[str, int]] = []
        self._bad: list[Bad] = []

    def parse(self, batches: Iterable[Lines]) -> Iterator[Part]:
        """Yield parts; every document is a record or a bad line, at its first line."""
        for lines in batches:
            for line in lines:
                self._add(line)
            yield self._part()
        self._close()
        yield self._part()

    def _add(self, line: Line) -> None:
        if self._unit == "block" and not line.problem and not line.data.strip():
            self._close()
            return
        if self._first is None:
            self._first = line
        else:
            self._text += b"\n"
        self._problem = self._problem or line.problem
        if len(self._text) + len(line.data) <= self._limit:
            self._text += line.data
        else:  # keep what the quarantine shows
            self._problem = self._problem or "document_too_long"
            del self._text[HEAD_BYTES:]
        if self._unit == "line":
            self._close()

    def _close(self) -> None:
        if self._first is None:
            return
        first, text, problem = self._first._replace(data=bytes(self._text[:HEAD_BYTES])), self._text, self._problem
        self._first, self._text, self._problem = None, bytearray(), None
        problem = problem or ("blank_line" if not text.strip() else None)
        try:
            if not problem:
                self._records.append((text.decode(), first.number or 1))
        except UnicodeDecodeError:
            problem = "bad_utf8"
        if problem:
            self._bad.append(bad_line(first, problem))

    def _part(self) -> Part:
        nothing = pl.lit(None, dtype=pl.String)
        records = pl.DataFrame(self._records, schema={"text": pl.String, "line": pl.Int64}, orient="row")
        filled = records.with_columns(nothing.alias(name) for name in FIELDS if name != "text").select(*RECORD)
        part = Part(filled, bad_lines(self._bad))
        self._records, self._bad = [], []
        return part
