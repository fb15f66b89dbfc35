"""Reading plain text."""

from pathlib import Path

import pytest
import zstandard

from xl_assets.seeds.readers import SeedBatch, collect_seeds

TEXT = b"one\ntwo\r\n\r\nthree\n\n \nfour\n"


def _read(path: Path, data: bytes, unit: str, **options: object) -> SeedBatch:
    path.write_bytes(data)
    read = collect_seeds(str(path), "en", text_unit=unit, **options)
    assert read.lines == read.documents.height + read.quarantined.height
    return read


@pytest.mark.parametrize(
    ("unit", "documents", "blank"),
    [
        ("file", [(1, "one\ntwo\n\nthree\n\n \nfour")], []),
        ("block", [(1, "one\ntwo"), (4, "three"), (7, "four")], []),
        ("line", [(1, "one"), (2, "two"), (4, "three"), (7, "four")], [3, 5, 6]),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_a_document_is_a_file_a_block_or_a_line(
    tmp_path: Path, unit: str, documents: list[tuple[int, str]], blank: list[int], batch_rows: int
) -> None:
    read = _read(tmp_path / "x.txt.zst", zstandard.compress(TEXT), unit, batch_rows=batch_rows)
    assert read.documents.select("line", "text").rows() == documents
    assert read.quarantined.select("line", "reason").rows() == [(line, "blank_line") for line in blank]


def test_a_document_that_is_too_long_or_no_utf8_is_set_aside_at_its_first_line(tmp_path: Path) -> None:
    read = _read(
        tmp_path / "x.txt",
        b"ok\n\n" + b"long line\n" * 20 + b"\ncaf\xe9\nau lait\n\nok too",
        "block",
        max_line_bytes=99,
    )
    assert read.documents["text"].to_list() == ["ok", "ok too"]
    assert read.quarantined.select("line", "byte_offset", "reason").rows() == [
        (3, 4, "document_too_long"),
        (24, 205, "bad_utf8"),
    ]


def test_a_document_that_a_broken_file_cuts_is_set_aside(tmp_path: Path) -> None:
    packed = zstandard.compress(b"whole\n\nbegun\n") + zstandard.compress(b"gone\n" * 99)[:-9]
    read = _read(tmp_path / "x.txt.zst", packed, "block")
    assert read.documents["text"].to_list() == ["whole"]
    assert read.quarantined.select("line", "reason").rows() == [(3, "truncated")]


def test_texts_beside_json_lines_are_no_part_of_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "LICENSE.txt").write_text("Be nice.")
    assert collect_seeds(str(tmp_path), "en").documents["text"].to_list() == ["Be nice."]
    (tmp_path / "a.ndjson").write_text('{"text": "a document"}')
    assert collect_seeds(str(tmp_path), "en").documents["text"].to_list() == ["a document"]
