r"""Bytes to lines, in bounded memory: each line with its number and byte offset.

A line ends with ``\n``, ``\r\n`` or a lone ``\r`` (files of old Macs), in the same file too: as Python's text
files and most editors have it. JSON can't hold a raw ``\r`` inside a string, so no record is cut by that.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import BinaryIO, NamedTuple

from xl_assets.seeds.blocks import BrokenStream, check_encoding, read_blocks

HEAD_BYTES = 200


class Line(NamedTuple):
    """One physical line.

    Attributes:
        number: counts from 1; None for a fault between two lines or of the whole file.
        offset: of its first byte in the decompressed file.
        data: without the line end; of a line that is too long only its head.
        problem: None, ``line_too_long``, or a `BrokenStream`'s reason.
    """

    number: int | None
    offset: int
    data: bytes
    problem: str | None = None


@dataclass
class Lines:
    """Lines that follow each other.

    Attributes:
        first: number of the first.
        data: each line's bytes.
        offsets: each line's offset.
        problems: position in `data` -> problem.
        unnumbered: the last one is a fault without a line.
    """

    first: int
    data: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    unnumbered: bool = False

    def __len__(self) -> int:
        return len(self.data)

    def number(self, at: int) -> int | None:
        """Number of the line at a position."""
        return None if self.unnumbered and at == len(self.data) - 1 else self.first + at

    def line(self, at: int) -> Line:
        """The line at a position."""
        return Line(self.number(at), self.offsets[at], self.data[at], self.problems.get(at))

    def __iter__(self) -> Iterator[Line]:
        return map(self.line, range(len(self.data)))

    def cut(self, at: int) -> "Lines":
        """Take the lines before a position out."""
        taken = Lines(self.first, self.data[:at], self.offsets[:at])
        taken.problems = {place: problem for place, problem in self.problems.items() if place < at}
        self.problems = {place - at: problem for place, problem in self.problems.items() if place >= at}
        del self.data[:at], self.offsets[:at]
        self.first += at
        return taken


def read_lines(
    stream: BinaryIO, compression: str | None, max_line_bytes: int, batch_rows: int, batch_bytes: int
) -> Iterator[Lines]:
    """Yield every physical line of a file, in batches.

    A break in the compressed data ends the file with one line whose problem says so: the line that was cut,
    or, where the break is between two lines, one without number. A line longer than `max_line_bytes` is never
    held whole. A byte order mark belongs to no line. A file in UTF-16 or UTF-32 is one line without number.

    Args:
        stream: the file as it is stored.
        compression: ``zstd``, ``gzip`` or None.
        max_line_bytes: a longer line is cut to its head; its problem is ``line_too_long``.
        batch_rows: most lines of a batch.
        batch_bytes: most bytes of a batch, unless one line alone has more.
    """
    splitter = _Splitter(max_line_bytes)
    try:
        splitter.offset, blocks = check_encoding(read_blocks(stream, compression))
        for block in blocks:
            splitter.add(block)
            yield from _full(splitter.lines, batch_rows, batch_bytes)
        splitter.end()
    except BrokenStream as fault:
        splitter.broken(fault)
    yield from _full(splitter.lines, batch_rows, batch_bytes)
    if splitter.lines.data:
        yield splitter.lines


def _full(lines: Lines, batch_rows: int, batch_bytes: int) -> Iterator[Lines]:
    """Take full batches out of the lines."""
    while len(lines) > 1:
        fit = bisect_right(lines.offsets, lines.offsets[0] + batch_bytes)
        at = max(1, min(batch_rows, fit - 1 if fit < len(lines) else fit))
        if at >= len(lines):
            return
        yield lines.cut(at)


class _Splitter:
    """Collects finished lines in `lines`; the one that has begun and not ended is pending."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lines = Lines(1)
        self.offset = 0  # of the pending line
        self.pieces: list[bytes] = []
        self.size = 0
        self.held = b""  # a \r whose \n may stand in the next block

    def add(self, block: bytes) -> None:
        block = self.held + block
        self.held = b"\r" if block.endswith(b"\r") else b""
        if self.held:
            block = block[:-1]
        if b"\r" in block:
            *ended, rest = _universal(block)
            lengths = [len(data) + end for data, end in ended]
            self._finish([data for data, _ in ended], lengths, rest[0])
        else:
            *pieces, last = block.split(b"\n")
            self._finish(pieces, [len(data) + 1 for data in pieces], last)

    def end(self) -> None:
        self._end_held()
        if self.size:
            self._finish([b""], [0], b"")

    def broken(self, fault: BrokenStream) -> None:
        """The file ends here: what is pending was cut."""
        self._end_held()
        self.lines.unnumbered = not self.size
        self.lines.problems[len(self.lines)] = fault.reason
        self.lines.data.append(fault.head[:HEAD_BYTES] or b"".join(self.pieces)[:HEAD_BYTES])
        self.lines.offsets.append(self.offset)

    def _end_held(self) -> None:
        if self.held:
            self._finish([b""], [1], b"")
            self.held = b""

    def _finish(self, ended: list[bytes], lengths: list[int], rest: bytes) -> None:
        if ended:
            self._pend(ended[0])
            lengths[0] += self.size - len(ended[0])
            self._complete(ended, lengths)
            self.pieces, self.size = [], 0
        if rest:
            self._pend(rest)

    def _complete(self, ended: list[bytes], lengths: list[int]) -> None:
        """Hand over lines of which the first has its beginning in the pending pieces."""
        too_long = [0] if self.size > self.limit else []
        ended[0] = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        if max(lengths[1:], default=0) > self.limit:
            too_long += [at for at in range(1, len(ended)) if len(ended[at]) > self.limit]
        for at in too_long:
            self.lines.problems[len(self.lines) + at] = "line_too_long"
            ended[at] = ended[at][:HEAD_BYTES]
        self.lines.data += ended
        *starts, self.offset = accumulate(lengths, initial=self.offset)
        self.lines.offsets += starts

    def _pend(self, piece: bytes) -> None:
        """Go on with the pending line; of one that has become too long keep what the quarantine shows."""
        self.size += len(piece)
        if self.size <= self.limit:
            self.pieces.append(piece)
        else:
            self.pieces = [_head([*self.pieces, piece])]


def _head(pieces: list[bytes]) -> bytes:
    head = b""
    for piece in pieces:
        if len(head) >= HEAD_BYTES:
            break
        head += piece[: HEAD_BYTES - len(head)]
    return head


def _universal(block: bytes) -> list[tuple[bytes, int]]:
    """Lines with the lengths of their ends; the last one has not ended."""
    found = []
    for line in block.splitlines(keepends=True):
        data = line.rstrip(b"\r\n")
        found.append((data, len(line) - len(data)))
    if not found or found[-1][1]:
        found.append((b"", 0))
    return found
