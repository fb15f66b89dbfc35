"""Bytes to lines, in bounded memory: decompression block by block, and lines with number and offset."""

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import zstandard

#: Compressed bytes that are handed to zstd at once. A block of 128 KiB can be written in 4 bytes,
#: so that even a decompression bomb grows by 128 MiB a step at most.
_ZSTD_STEP = 4096

#: Decompressed bytes that gzip gives at once, and bytes that are read at once.
_BLOCK = 1 << 20

#: Windows up to `zstd --long=31` are accepted.
_WINDOW = 1 << 31

HEAD_BYTES = 200


class Line(NamedTuple):
    """One physical line.

    Attributes:
        number: counts from 1; None for a fault between two lines.
        offset: of its first byte in the decompressed file.
        data: without the line end; of a line that is too long only its head.
        problem: None, ``line_too_long``, ``truncated`` or ``corrupt``.
    """

    number: int | None
    offset: int
    data: bytes
    problem: str | None = None


class BrokenStream(Exception):
    """A compressed file ends early (``truncated``) or holds what is no compressed data (``corrupt``)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_lines(stream: BinaryIO, compression: str | None, max_line_bytes: int) -> Iterator[Line]:
    """Yield every physical line of a file.

    A break in the compressed data ends the file with one line whose `problem` says so: the line that was
    cut, or, where the break is between two lines, one without number. A line longer than `max_line_bytes`
    is never held whole.
    """
    return _split(_BLOCKS[compression](stream), max_line_bytes)


def _plain(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _zstd(stream: BinaryIO) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    frame = None
    for block in _plain(stream):
        for start in range(0, len(block), _ZSTD_STEP):
            data = block[start : start + _ZSTD_STEP]
            while data:
                frame = frame or decompressor.decompressobj()
                try:
                    yield frame.decompress(data)
                except zstandard.ZstdError as error:
                    raise BrokenStream("corrupt") from error
                data, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise BrokenStream("truncated")


def _gzip(stream: BinaryIO) -> Iterator[bytes]:
    member = None
    for block in _plain(stream):
        data = block
        while data:
            member = member or zlib.decompressobj(wbits=31)
            try:
                yield member.decompress(data, _BLOCK)
            except zlib.error as error:
                raise BrokenStream("corrupt") from error
            data, member = (member.unused_data, None) if member.eof else (member.unconsumed_tail, member)
    if member is not None:
        raise BrokenStream("truncated")


_BLOCKS = {None: _plain, "zstd": _zstd, "gzip": _gzip}


def _split(blocks: Iterable[bytes], limit: int) -> Iterator[Line]:
    pending = _Pending(limit)
    try:
        for block in blocks:
            *ended, rest = block.split(b"\n")
            for piece in ended:
                pending.add(piece)
                yield pending.end()
            pending.add(rest)
    except BrokenStream as fault:
        yield pending.broken(fault.reason)
        return
    if pending.size:
        yield pending.end()


class _Pending:
    """The line that has begun and not ended."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.number = 1
        self.offset = 0
        self._reset()

    def _reset(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= self.limit:
            self.pieces.append(piece)
        else:  # keep what the quarantine shows, drop the rest
            self.pieces = [b"".join([*self.pieces, piece])[:HEAD_BYTES]]

    def end(self) -> Line:
        problem = "line_too_long" if self.size > self.limit else None
        line = Line(self.number, self.offset, b"".join(self.pieces), problem)
        self.number += 1
        self.offset += self.size + 1
        self._reset()
        return line

    def broken(self, reason: str) -> Line:
        number = self.number if self.size else None
        return Line(number, self.offset, b"".join(self.pieces)[:HEAD_BYTES], reason)
