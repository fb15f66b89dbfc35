"""A file's bytes, decompressed block by block, so that neither its size nor a bomb in it decides the memory."""

import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import zstandard

#: Compressed bytes that are handed to zstd at once. Four of them can stand for 128 KiB (a block that repeats one
#: byte, RFC 8878, 3.1.1.2), so that even a decompression bomb grows by no more than 32 MiB a step.
_ZSTD_STEP = 1024

#: Bytes that are read at once, and about as many as a block that is handed on has.
_BLOCK = 1 << 20

#: Windows up to `zstd --long=31` are accepted; memory for one is taken up only as far as the data fill it.
_WINDOW = 1 << 31

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BrokenStream(Exception):
    """The bytes can't be read on.

    Attributes:
        reason: ``truncated`` (compressed data end early), ``corrupt`` (they are none), ``utf16`` or ``utf32``.
        head: the first bytes, where the whole file is meant.
    """

    def __init__(self, reason: str, head: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.head = head


def read_blocks(stream: BinaryIO, compression: str | None) -> Iterator[bytes]:
    """Yield a file's decompressed bytes in blocks of about a megabyte.

    Several zstd frames, skippable ones among them, and several gzip members follow each other as one file;
    zeros after the last gzip member are padding.

    Raises:
        BrokenStream: at the place where the compressed data break off or are none.
    """
    return _gathered(_DECOMPRESS[compression](stream))


def check_encoding(blocks: Iterator[bytes]) -> tuple[int, Iterator[bytes]]:
    """Return the length of a byte order mark, and the blocks after it.

    Raises:
        BrokenStream: the text is UTF-16 or UTF-32: by its byte order mark, or by the zeros among its first four
            bytes (RFC 4627, section 3).
    """
    first = next(blocks, b"")
    if encoding := _wide_encoding(first[:4]):
        raise BrokenStream(encoding, first)
    mark = len(_BYTE_ORDER_MARK) if first.startswith(_BYTE_ORDER_MARK) else 0
    return mark, chain([first[mark:]], blocks)


def _wide_encoding(start: bytes) -> str | None:
    zeros = tuple(byte == 0 for byte in start)
    if start in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") or zeros in ((False, True, True, True), (True, True, True, False)):
        return "utf32"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or zeros in ((False, True, False, True), (True, False, True, False)):
        return "utf16"
    return None


def _gathered(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Join small blocks and cut great ones: what follows works on a block at a time."""
    pieces: list[bytes] = []
    size = 0
    try:
        for block in blocks:
            pieces.append(block)
            size += len(block)
            if size >= _BLOCK:
                yield from _cut(b"".join(pieces))
                pieces, size = [], 0
    except BrokenStream:
        if size:
            yield b"".join(pieces)
        raise
    if size:
        yield b"".join(pieces)


def _cut(block: bytes) -> Iterator[bytes]:
    if len(block) < 2 * _BLOCK:
        yield block
        return
    for start in range(0, len(block), _BLOCK):
        yield block[start : start + _BLOCK]


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
                except (zstandard.ZstdError, MemoryError) as error:
                    raise BrokenStream("corrupt") from error
                data, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise BrokenStream("truncated")


def _gzip(stream: BinaryIO) -> Iterator[bytes]:
    member = None
    started = False
    for block in _plain(stream):
        data = block
        while data:
            if member is None and started and not (data := data.lstrip(b"\0")):
                break
            member, started = member or zlib.decompressobj(wbits=31), True
            try:
                yield member.decompress(data, _BLOCK)
            except zlib.error as error:
                raise BrokenStream("corrupt") from error
            data, member = (member.unused_data, None) if member.eof else (member.unconsumed_tail, member)
    if member is not None:
        raise BrokenStream("truncated")


_DECOMPRESS = {None: _plain, "zstd": _zstd, "gzip": _gzip}
