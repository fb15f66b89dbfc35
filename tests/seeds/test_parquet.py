"""Reading Parquet beyond what all formats share."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xl_assets.seeds.readers import SeedError, collect_seeds


def test_bytes_that_are_no_utf8_in_a_string_column_are_set_aside(tmp_path: Path) -> None:
    written = pa.array([b"ok", b"\xff\xfe", b"fine"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, written.buffers())
    pq.write_table(pa.table({"text": text}), tmp_path / "x.parquet")
    read = collect_seeds(str(tmp_path / "x.parquet"), "en")
    assert read.documents.select("line", "text").rows() == [(1, "ok"), (3, "fine")]
    assert read.quarantined.select("line", "reason").rows() == [(2, "bad_utf8")]


def test_a_broken_row_group_is_one_fault_at_its_first_row_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"text": [f"text number {number}" for number in range(3000)]})
    pq.write_table(table, path, row_group_size=1000, compression="none", use_dictionary=False)
    offset = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[offset : offset + 30] = b"\xff" * 30
    path.write_bytes(data)
    read = collect_seeds(str(path), "en", batch_rows=300)
    assert read.documents["line"].to_list() == [*range(1, 1001), *range(2001, 3001)]
    assert read.quarantined.select("line", "reason").rows() == [(1001, "corrupt")]


def test_a_text_beyond_the_limit_is_set_aside_and_values_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    columns = {"text": ["short", "x" * 500], "id": [[1], [2]], "url": [1.5, None]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    read = collect_seeds(str(tmp_path / "x.parquet"), "en", max_line_bytes=100)
    assert read.documents.select("text", "source_id", "url").rows() == [("short", None, "1.5")]
    assert read.quarantined.select("line", "reason").rows() == [(2, "text_too_long")]
    assert read.quarantined["head"].item() == "x" * 200


@pytest.mark.parametrize("kind", [pa.binary(), pa.int64(), pa.list_(pa.string())])
def test_a_text_column_without_text_is_refused(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"text": pa.array([], kind)}), tmp_path / "x.parquet")
    with pytest.raises(SeedError, match="not string; map text to another column"):
        collect_seeds(str(tmp_path / "x.parquet"), "en")


def test_rows_are_the_same_whatever_the_batches(tmp_path: Path) -> None:
    texts = [f"text {number}" * (1 + number % 50) for number in range(500)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "x.parquet", row_group_size=170)
    every = collect_seeds(str(tmp_path / "x.parquet"), "en").documents
    assert every["text"].to_list() == texts
    assert collect_seeds(str(tmp_path / "x.parquet"), "en", batch_rows=7, batch_bytes=900).documents.equals(every)
