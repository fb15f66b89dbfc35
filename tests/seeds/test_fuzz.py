"""Whatever the bytes: never a crash, never a lost count.

More than ten thousand mutated corpora in every format; what can be read of them goes on through `CHAIN`.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.seeds.normalise import normalised
from xl_assets.seeds.readers import SeedBatch, SeedError, read_seeds
from xl_assets.tables import QuarantinedLine, SeedDocument, check_table

Chain = Callable[[pl.DataFrame], pl.DataFrame]

#: What every document that is read goes through, a batch at a time; it must keep every row.
CHAIN: tuple[Chain, ...] = (lambda documents: documents.with_columns(normalised("text")),)

#: Mutated corpora of a format; over all formats more than 10,000.
ROUNDS = 1_500

#: Corpora whose documents go through the chain at once.
_AT_ONCE = 250

_TEXTS = (
    "Plain words, and a full stop.",
    "Two lines\nof text\r\nand a tab\t.",
    "שלום \u202eright to left\u202c العربية \u2067x\u2069",
    "zero\u200bwidth\u200d \ufeffmarks \u00ad and NUL \u0000 and \ufffe",
    "猫住在森林里。" * 3,
    "e\u0301 " * 40 + "\U0001f9d1\u200d\U0001f680",
    "a,b\t\"quoted\" 'words'; {not: json} [",
    "",
)

_ROWS = [{"id": str(number), "text": text, "url": f"u{number}", "language": "en"} for number, text in enumerate(_TEXTS)]

#: What is put into a corpus, beside flipped bits.
_TOKENS = (
    b"\0",
    b"\r",
    b"\n",
    b'"',
    b"\\",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xc3",
    b"{" * 3000,
    b'{"text": ' + b"[" * 2000,
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
    ".jsonl.gz": gzip.compress(_json_lines()[:200]) + gzip.compress(_json_lines()[200:]),
    ".csv": _table(","),
    ".tsv.zst": _frames(_table("\t")),
    ".txt": "\n\n".join(_TEXTS).encode(),
    ".parquet": _parquet(),
    ".plain.parquet": _parquet(compression="none", use_dictionary=False, data_page_version="2.0"),
}


@pytest.mark.parametrize("ending", CORPORA)
def test_a_mutated_corpus_is_accounted_for_and_what_is_read_passes_the_chain(tmp_path: Path, ending: str) -> None:
    random = Random(f"seeds{ending}")
    refused = 0
    read: list[pl.DataFrame] = []
    for number in range(ROUNDS):
        data = _mutated(CORPORA[ending], random)
        try:
            batches = _read(tmp_path / f"x{ending}", data, random)
        except SeedError:
            refused += 1
            continue
        if ending == ".jsonl" and not any(
            batch.quarantined["reason"].str.starts_with("utf").any() for batch in batches
        ):
            assert sum(batch.lines for batch in batches) == len(data.removeprefix(b"\xef\xbb\xbf").splitlines())
        read += [batch.documents for batch in batches]
        if number % _AT_ONCE == _AT_ONCE - 1:
            _through_chain(read)
            read = []
    _through_chain(read)
    assert refused < ROUNDS / 2  # most are read in part


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\0\u200b\u202e\n\r\\"é猫'))),
    escaped=st.booleans(),
    batch_rows=st.integers(1, 4),
)
def test_every_text_that_json_can_hold_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], escaped: bool, batch_rows: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=escaped) + "\n" for text in ["first", *texts]))
    documents = pl.concat(batch.documents for batch in read_seeds(str(path), "en", batch_rows=batch_rows))
    assert documents["text"].to_list() == ["first", *texts]


def _read(path: Path, data: bytes, random: Random) -> list[SeedBatch]:
    path.write_bytes(data)
    batches = list(
        read_seeds(
            str(path),
            random.choice(["en", None]),
            select_language=False,
            batch_rows=random.choice([1, 3, 100]),
            max_line_bytes=random.choice([300, 100_000]),
            sample=random.choice([1.0, 0.5]),
            text_unit=random.choice(["file", "block", "line"]),  # type: ignore[arg-type]
            columns=random.choice([None, {"source_id": "id"}]),
        )
    )
    for batch in batches:
        left_out = batch.other_language + batch.sampled_out
        assert batch.lines == batch.documents.height + batch.quarantined.height + left_out > 0
    check_table(pl.concat(batch.documents for batch in batches), SeedDocument)
    check_table(pl.concat(batch.quarantined for batch in batches), QuarantinedLine)
    return batches


def _through_chain(read: list[pl.DataFrame]) -> None:
    if not read:
        return
    documents = pl.concat(read)
    for step in CHAIN:
        after = step(documents)
        assert after.height == documents.height
        documents = after


def _mutated(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for change in random.choices(tuple(_changes(random)), k=random.randint(1, 4)):
        change(changed)
    return bytes(changed)


def _changes(random: Random) -> Iterator[Callable[[bytearray], None]]:
    def place(data: bytearray) -> int:
        return random.randrange(len(data) + 1)

    def flip(data: bytearray) -> None:
        for at in random.choices(range(len(data)), k=random.randint(1, 8)) if data else ():
            data[at] ^= 1 << random.randrange(8)

    def insert(data: bytearray) -> None:
        at = place(data)
        data[at:at] = random.choice(_TOKENS) * random.choice([1, 1, 1, 30])

    def overwrite(data: bytearray) -> None:
        at, token = place(data), random.choice(_TOKENS)[:20]
        data[at : at + len(token)] = token

    def drop(data: bytearray) -> None:
        at = place(data)
        del data[at : at + random.choice([1, 10, 100])]

    def repeat(data: bytearray) -> None:
        at = place(data)
        data[at:at] = data[at : at + random.choice([10, 300])] * random.choice([1, 5])

    def cut(data: bytearray) -> None:
        del data[place(data) :]

    yield from (flip, flip, insert, insert, overwrite, drop, repeat, cut)
