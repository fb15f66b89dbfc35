"""Corpora of every format, and ways to break them that a seed decides."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

TEXTS = (
    "Plain words, and a full stop.",
    "Two lines\nof text\r\nand a tab\t.",
    "שלום \u202eright to left\u202c العربية \u2067x\u2069",
    "zero\u200bwidth\u200d \ufeffmarks \u00ad and NUL \u0000 and \ufffe",
    "猫住在森林里。" * 3,
    "e\u0301 " * 40 + "\U0001f9d1\u200d\U0001f680",
    "a,b\t\"quoted\" 'words'; {not: json} [",
    "ខ្ញុំ\u200bចង់\u200bទៅ\u200bសាលារៀន schÃ¶n [EMAIL] a@b.example 203.0.113.7",
    "",
)

_ROWS = [{"id": str(number), "text": text, "url": f"u{number}", "language": "en"} for number, text in enumerate(TEXTS)]

#: What is put into a corpus, beside flipped bits: control characters, half characters, beginnings of other formats.
_TOKENS = (
    b"\0",
    b"\r",
    b"\n",
    b'"',
    b"\\",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\\u0000\\u202e\\u200b",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xc3",
    b"{" * 3000,
    b'{"text": ' + b"[" * 2000,
    b'{"text": "x", "id": ' + b"[" * 900 + b"]" * 900 + b"}\n",
    b'{"text": "' + b"x" * 5000 + b'"}\n',
    b"9" * 400,
    b"1e999",
    b"null",
    "\u202e\u200b\u2028".encode(),
    b"\x28\xb5\x2f\xfd",
    b"\x50\x2a\x4d\x18\x04\0\0\0skip",
    b"\x1f\x8b\x08\x00",
    b"PAR1",
)


def mutated(data: bytes, seed: str) -> bytes:
    """Return the data after one to four edits; the same for the same seed."""
    random = Random(seed)
    changed = bytearray(data)
    for edit in random.choices(_EDITS, k=random.randint(1, 4)):
        edit(changed, random)
    return bytes(changed)


def _place(data: bytearray, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _flip(data: bytearray, random: Random) -> None:
    for at in random.choices(range(len(data)), k=random.randint(1, 8)) if data else ():
        data[at] ^= 1 << random.randrange(8)


def _insert(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    data[at:at] = random.choice(_TOKENS) * random.choice([1, 1, 1, 30])


def _overwrite(data: bytearray, random: Random) -> None:
    at, token = _place(data, random), random.choice(_TOKENS)[:20]
    data[at : at + len(token)] = token


def _drop(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.choice([1, 10, 100])]


def _repeat(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    data[at:at] = data[at : at + random.choice([10, 300])] * random.choice([1, 5])


def _cut(data: bytearray, random: Random) -> None:
    del data[_place(data, random) :]


_EDITS: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _flip,
    _insert,
    _insert,
    _overwrite,
    _drop,
    _repeat,
    _cut,
)


def _json_lines() -> bytes:
    lines = [json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(_ROWS)]
    return "\n".join(lines).encode() + b"\n"


def _table(delimiter: str) -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([list(_ROWS[0]), *(row.values() for row in _ROWS)])
    return written.getvalue().encode()


def _parquet(**options: object) -> bytes:
    written = io.BytesIO()
    columns = {name: [row[name] for row in _ROWS] for name in ("text", "id", "language")}
    pq.write_table(pa.table({**columns, "meta": [{"a": [1]}] * len(_ROWS)}), written, row_group_size=3, **options)
    return written.getvalue()


def _frames(data: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    return b"".join(compressor.compress(data[at : at + 150]) for at in range(0, len(data), 150))


CORPORA: dict[str, bytes] = {
    ".jsonl": _json_lines(),
    ".jsonl.zst": _frames(_json_lines()),
    ".jsonl.gz": gzip.compress(_json_lines()[:200], mtime=0) + gzip.compress(_json_lines()[200:], mtime=0),
    ".csv": _table(","),
    ".tsv.zst": _frames(_table("\t")),
    ".txt": "\n\n".join(TEXTS).encode(),
    ".parquet": _parquet(),
    ".plain.parquet": _parquet(compression="none", use_dictionary=False, data_page_version="2.0"),
}
