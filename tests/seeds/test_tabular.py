"""Reading CSV and TSV."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.seeds.readers import SeedBatch, SeedError, collect_seeds


def _read(path: Path, data: bytes, **options: object) -> SeedBatch:
    path.write_bytes(data)
    read = collect_seeds(str(path), "en", **options)
    assert read.lines == read.documents.height + read.quarantined.height
    return read


def test_quoted_fields_hold_line_ends_and_rows_are_numbered_by_their_first_line(tmp_path: Path) -> None:
    read = _read(tmp_path / "x.csv", b'id,text,url\r\n1,"two\nlines, ""quoted""",u\r\n2,5" disk,v\r\n')
    assert read.documents.select("line", "source_id", "text", "url").rows() == [
        (2, "1", 'two\nlines, "quoted"', "u"),
        (4, "2", '5" disk', "v"),
    ]


def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    read = _read(tmp_path / "x.csv", b'id,text\n1,"never closed\n2,fine\n3,"two\nlines"\n4,fine too\n')
    assert read.documents["source_id"].to_list() == ["2", "3", "4"]
    assert read.quarantined.select("line", "byte_offset", "reason").rows() == [(2, 8, "bad_csv")]


def test_rows_of_another_width_blank_ones_and_bad_bytes_are_set_aside(tmp_path: Path) -> None:
    read = _read(tmp_path / "x.csv", b"id,text\n1,a,b\n\n2,caf\xe9\n3,ok\n4\n")
    assert read.documents["source_id"].to_list() == ["3"]
    assert read.quarantined.select("line", "reason").rows() == [
        (2, "wrong_field_count"),
        (3, "blank_line"),
        (4, "bad_utf8"),
        (6, "wrong_field_count"),
    ]


def test_a_field_without_end_is_never_held_beyond_the_limit(tmp_path: Path) -> None:
    data = b'id,text\n1,"' + b"a\n" * 5000 + b'"\n2,ok\n'
    read = _read(tmp_path / "x.csv", data, max_line_bytes=1000)
    assert read.documents["source_id"].to_list() == ["2"]
    assert read.quarantined.row(0, named=True)["reason"] == "unclosed_quote"


def test_a_row_that_breaks_off_with_the_file_is_one_row(tmp_path: Path) -> None:
    packed = gzip.compress(b'text\none\n"two\nlines and\n' + bytes(range(48, 100)) * 99)
    read = _read(tmp_path / "x.csv.gz", packed[:-20])
    assert read.documents["text"].to_list() == ["one"]
    assert read.quarantined.select("line", "reason").rows() == [(3, "truncated")]


def test_quotes_in_tsv_are_quotes_where_they_make_a_row_and_characters_where_not(tmp_path: Path) -> None:
    data = b'id\ttext\n1\t"Hello," he said\n2\t"a\ttab"\n3\tplain "word"\n4\t"open\n'
    assert _read(tmp_path / "x.tsv", data).documents.select("source_id", "text").rows() == [
        ("1", '"Hello," he said'),
        ("2", "a\ttab"),
        ("3", 'plain "word"'),
        ("4", '"open'),
    ]


def test_a_header_without_the_text_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="no column 'text' for text; the columns are body, id"):
        _read(tmp_path / "x.csv", b"id,body\n1,a\n")
    assert _read(tmp_path / "x.csv", b"id,body\n1,a\n", columns={"text": "body"}).documents["text"].to_list() == ["a"]


@settings(deadline=None, max_examples=80)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 99), st.text(st.sampled_from("ab\"',\n é\t"), min_size=1).filter(str.strip)),
        min_size=1,
    ),
    batch_rows=st.integers(1, 4),
)
def test_whatever_python_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]], batch_rows: int
) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([("id", "text"), *rows])
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    read = _read(path, written.getvalue().encode(), batch_rows=batch_rows)
    assert read.documents.select("source_id", "text").rows() == [(str(number), text) for number, text in rows]
