"""Bytes to lines: compressions, line ends, encodings, and what a hostile file may cost."""

import gzip
import io
import struct
import tracemalloc
from collections.abc import Callable
from random import Random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.seeds.lines import Line, read_lines


def _lines(
    data: bytes, compression: str | None = None, limit: int = 10**6, rows: int = 3, size: int = 10**6
) -> list[Line]:
    return [line for lines in read_lines(io.BytesIO(data), compression, limit, rows, size) for line in lines]


def _skippable(content: bytes) -> bytes:
    return struct.pack("<II", 0x184D2A5B, len(content)) + content


def test_frames_and_skippable_frames_follow_each_other_as_one_file() -> None:
    frames = [
        zstandard.compress(b"one\ntw"),
        _skippable(b"note\n"),
        zstandard.compress(b""),
        zstandard.compress(b"o\n"),
    ]
    assert [line.data for line in _lines(b"".join([*frames, _skippable(b"")]), "zstd")] == [b"one", b"two"]


def test_windows_of_two_gigabytes_are_accepted() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # without the content's size
    packed = compressor.compress(b"a line\n" * 1000) + compressor.flush()
    assert zstandard.get_frame_parameters(packed).window_size == 1 << 31
    assert len(_lines(packed, "zstd")) == 1000


@pytest.mark.parametrize("padding", [b"", b"\0" * 700])
def test_zeros_after_gzip_are_padding_and_anything_else_is_not(padding: bytes) -> None:
    packed = gzip.compress(b"one\n") + gzip.compress(b"two\n") + padding
    assert [line.data for line in _lines(packed, "gzip")] == [b"one", b"two"]
    assert _lines(packed + b"no gzip", "gzip")[-1] == Line(None, 8, b"", "corrupt")


def test_garbage_after_the_last_frame_is_one_fault_without_a_number() -> None:
    for compression, packed in (("zstd", zstandard.compress(b"one\n")), ("gzip", gzip.compress(b"one\n"))):
        assert _lines(packed + b"garbage that is no frame", compression) == [
            Line(1, 0, b"one"),
            Line(None, 4, b"", "corrupt"),
        ]


def test_lines_end_with_any_of_the_three_ends_in_one_file() -> None:
    assert _lines(b"unix\ndos\r\nmac\r\rlast") == [
        Line(1, 0, b"unix"),
        Line(2, 5, b"dos"),
        Line(3, 10, b"mac"),
        Line(4, 14, b""),
        Line(5, 15, b"last"),
    ]


@settings(deadline=None, max_examples=150)
@given(
    text=st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", b"\xc3\xa9"]), max_size=30).map(b"".join),
    frame=st.integers(1, 9),
    rows=st.integers(1, 5),
    size=st.integers(1, 30),
)
def test_numbers_and_offsets_do_not_depend_on_blocks_or_batches(text: bytes, frame: int, rows: int, size: int) -> None:
    text = b"x" + text  # no byte order mark, no zeros
    packed = b"".join(zstandard.compress(text[at : at + frame]) for at in range(0, len(text), frame))
    batches = list(read_lines(io.BytesIO(packed), "zstd", 10**6, rows, size))
    found = [line for lines in batches for line in lines]
    assert [line.data for line in found] == text.splitlines()
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert all(text[line.offset :].startswith(line.data) for line in found)
    assert all(len(lines) <= rows for lines in batches)


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_line_end_of_two_bytes_is_one_wherever_a_block_ends(cut: int) -> None:
    block = 1 << 20
    data = b"x" * (block - 4) + b"\r\n" * cut + b"last"
    assert [line.offset for line in _lines(data)] == [0, *(block - 2 + 2 * number for number in range(cut))]


def test_of_a_line_that_is_too_long_the_head_stays_and_the_next_ones_keep_their_places() -> None:
    long = bytes(range(97, 123)) * 300_000
    found = _lines(b"a\n" + long + b"\nb\n" + long[:500] + b"\nc", limit=400)
    assert [(line.number, line.offset, line.problem) for line in found] == [
        (1, 0, None),
        (2, 2, "line_too_long"),
        (3, 3 + len(long), None),
        (4, 5 + len(long), "line_too_long"),
        (5, 506 + len(long), None),
    ]
    assert found[1].data == found[3].data == long[:200]


@pytest.mark.parametrize("compression", ["zstd", "gzip", None])
def test_a_line_of_any_length_takes_no_more_memory_than_a_few_blocks(compression: str | None) -> None:
    # No window reaches back to where it repeats, so that a step of decompression gives no more than usual.
    unlike = Random(1).randbytes(2 << 20).hex().encode()
    data = b'{"text": "short"}\n{"text": "' + unlike * 6 + b'"}\nlast'
    pack: dict[str | None, Callable[[bytes], bytes]] = {"zstd": zstandard.compress, "gzip": gzip.compress}
    packed = pack.get(compression, bytes)(data)
    tracemalloc.start()
    lines = _lines(packed, compression, limit=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(line.number, line.problem) for line in lines] == [(1, None), (2, "line_too_long"), (3, None)]
    assert len(data) > 24 << 20
    assert peak < 8 << 20


def test_a_byte_order_mark_belongs_to_no_line() -> None:
    assert _lines(b"\xef\xbb\xbf{}\n{}") == [Line(1, 3, b"{}"), Line(2, 6, b"{}")]


@pytest.mark.parametrize(
    ("encoding", "reason"),
    [("utf-16", "utf16"), ("utf-16-le", "utf16"), ("utf-16-be", "utf16"), ("utf-32", "utf32"), ("utf-32-be", "utf32")],
)
def test_a_file_in_another_unicode_encoding_is_set_aside_whole_and_says_which(encoding: str, reason: str) -> None:
    data = '{"text": "a"}\n{"text": "b"}\n'.encode(encoding)
    assert _lines(data) == [Line(None, 0, data[:200], reason)]


def test_single_zeros_are_no_sign_of_another_encoding() -> None:
    assert [line.data for line in _lines(b"a\0b\nc")] == [b"a\0b", b"c"]
    assert [line.data for line in _lines(b"\0\0\n")] == [b"\0\0"]


def test_an_empty_file_has_no_line() -> None:
    assert _lines(b"") == _lines(zstandard.compress(b""), "zstd") == _lines(gzip.compress(b""), "gzip") == []
