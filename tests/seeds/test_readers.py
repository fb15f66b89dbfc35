"""Reading corpora: formats, faults, and that every line is accounted for."""

import gzip
import io
import json
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, needs_ntrex, truth_of
from xl_assets.identity import address_of
from xl_assets.seeds.readers import SeedError, collect_seeds, read_seeds
from xl_assets.seeds.sampling import sampled
from xl_assets.tables import QuarantinedLine, SeedDocument, check_table


def _rows(*texts: str, **more: str) -> bytes:
    rows = [{"id": str(number), "text": text, **more} for number, text in enumerate(texts)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def _frames(data: bytes, size: int) -> bytes:
    """zstd, in several frames that don't care for line ends."""
    compressor = zstandard.ZstdCompressor()
    return b"".join(compressor.compress(data[start : start + size]) for start in range(0, len(data), size))


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        (".jsonl", bytes),
        (".jsonl.gz", gzip.compress),
        (".jsonl.gz", lambda data: gzip.compress(data[:11]) + gzip.compress(data[11:])),
        (".jsonl.zst", lambda data: _frames(data, 7)),
        (".jsonl.zstd", lambda data: _frames(data, 1000)),
    ],
)
def test_every_line_format_gives_the_same_documents(tmp_path: Path, ending: str, pack) -> None:
    data = _rows("one", "zwei\nLinien", "三")
    plain = collect_seeds(_write(tmp_path / "plain.jsonl", data), "en").documents
    packed = collect_seeds(_write(tmp_path / f"packed{ending}", pack(data)), "en")
    assert packed.documents["text"].to_list() == ["one", "zwei\nLinien", "三"]
    assert packed.documents.drop("file").equals(plain.drop("file"))
    assert packed.lines == 3


def test_parquet_rows_are_read_and_null_texts_set_aside(tmp_path: Path) -> None:
    frame = pl.DataFrame({"content": ["one", None, "three"], "id": [1, 2, 3], "meta": [{"a": 1}] * 3})
    frame.write_parquet(tmp_path / "x.parquet")
    read = collect_seeds(str(tmp_path / "x.parquet"), "en", columns={"text": "content"}, batch_rows=2)
    assert read.documents["text"].to_list() == ["one", "three"]
    assert read.documents["source_id"].to_list() == ["1", "3"]
    assert read.documents["line"].to_list() == [1, 3]
    assert read.quarantined.select("line", "reason").rows() == [(2, "null_text")]


def test_a_broken_parquet_file_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["one"]}).write_parquet(tmp_path / "good.parquet")
    _write(tmp_path / "bad.parquet", b"PAR1 and then nothing")
    read = collect_seeds(str(tmp_path), "en")
    assert read.documents["text"].to_list() == ["one"]
    assert read.quarantined.select("file", "reason").rows() == [("bad.parquet", "corrupt")]


FAULTS = {
    b"": "blank_line",
    b"   \r": "blank_line",
    b"null": "not_an_object",
    b'["text"]': "not_an_object",
    b'{"text": "unterminated': "bad_json",
    b'{"text": "a"} trailing': "bad_json",
    b'{"text": "lone \\ud800"}': "bad_json",
    b'{"text": 1e999}': "bad_json",
    b'{"text": ' + b"[" * 5000: "bad_json",
    b'{"text": "\xff"}': "bad_utf8",
    b'{"other": 1}': "no_text",
    b'{"text": null}': "null_text",
    b'{"text": ["a"]}': "text_not_string",
    b'{"text": 17}': "text_not_string",
}


@pytest.mark.parametrize(("line", "reason"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_bad_line_is_set_aside_with_its_place_and_reason(tmp_path: Path, line: bytes, reason: str) -> None:
    path = _write(tmp_path / "x.jsonl", _rows("before") + line + b"\n" + _rows("after"))
    read = collect_seeds(path, "en")
    assert read.documents["text"].to_list() == ["before", "after"]
    assert read.quarantined.select("file", "line", "byte_offset", "reason").rows() == [
        ("x.jsonl", 2, len(_rows("before")), reason)
    ]
    check_table(read.quarantined, QuarantinedLine)


def test_a_line_that_is_too_long_is_never_held_whole_and_counts_once(tmp_path: Path) -> None:
    data = _rows("short") + _rows("x" * 3_000_000) + _rows("short too")
    read = collect_seeds(_write(tmp_path / "x.jsonl.zst", _frames(data, 10**9)), "en", max_line_bytes=1000)
    assert read.documents["line"].to_list() == [1, 3]
    quarantined = read.quarantined.to_dicts()
    assert [(row["line"], row["reason"]) for row in quarantined] == [(2, "line_too_long")]
    assert len(quarantined[0]["head"]) <= 200


@pytest.mark.parametrize("ending", [".jsonl.zst", ".jsonl.gz"])
def test_what_stands_before_a_cut_is_kept_and_the_cut_is_reported_once(tmp_path: Path, ending: str) -> None:
    data = _rows(*(f"text number {number} {'ab' * number}" for number in range(3000)))
    packed = _frames(data, 50_000) if "zst" in ending else gzip.compress(data)
    read = collect_seeds(_write(tmp_path / f"x{ending}", packed[: len(packed) * 2 // 3]), "en")
    assert 100 < read.documents.height < 3000
    assert read.quarantined.select("line", "reason").rows() == [(read.documents.height + 1, "truncated")]
    assert data[read.quarantined["byte_offset"].item() - 1 :].startswith(b"\n")


def test_bytes_that_are_no_compressed_data_are_reported(tmp_path: Path) -> None:
    packed = _frames(_rows("one"), 10**6) + b"no zstd frame at all"
    read = collect_seeds(_write(tmp_path / "x.jsonl.zst", packed), "en")
    assert read.documents["text"].to_list() == ["one"]
    assert read.quarantined.select("line", "byte_offset", "reason").rows() == [(None, len(_rows("one")), "corrupt")]


def test_files_of_a_folder_are_named_relative_to_it_and_hidden_ones_left_out(tmp_path: Path) -> None:
    _write(tmp_path / "corpus" / "b" / "2.jsonl", _rows("b2"))
    _write(tmp_path / "corpus" / "a.jsonl", _rows("a"))
    _write(tmp_path / "corpus" / "readme.md", b"no corpus")
    _write(tmp_path / "corpus" / ".cache" / "x.jsonl", _rows("hidden"))
    folder = collect_seeds(str(tmp_path / "corpus"), "en").documents
    assert folder["file"].to_list() == ["a.jsonl", "b/2.jsonl"]
    for location in (f"{tmp_path}/corpus/**/*.jsonl", f"file://{tmp_path}/corpus"):
        other = collect_seeds(location, "en").documents
        assert set(other["document_id"]) == set(folder["document_id"])
        assert set(other["file"]) == {"a.jsonl", "b/2.jsonl"}


def test_equal_rows_are_different_documents_and_ids_do_not_depend_on_batches_or_files(tmp_path: Path) -> None:
    row = _rows("same", url="u")
    together = collect_seeds(_write(tmp_path / "a.jsonl", row * 5), "en").documents
    assert together["document_id"].n_unique() == 5
    in_batches = collect_seeds(str(tmp_path / "a.jsonl"), "en", batch_rows=2).documents
    assert in_batches.equals(together)
    for number in range(5):
        _write(tmp_path / "many" / f"{number}.jsonl", row)
    apart = collect_seeds(str(tmp_path / "many"), "en").documents
    assert set(apart["document_id"]) == set(together["document_id"])


def test_rows_of_a_wanted_language_are_selected_and_the_others_counted(tmp_path: Path) -> None:
    data = _rows("eins", lang="deu_Latn") + _rows("one", lang="en") + _rows("zwei", lang="de") + b'{"text": "?"}\n'
    path = _write(tmp_path / "x.jsonl", data)
    read = collect_seeds(path, "de", columns={"language": "lang"}, select_language=True)
    assert read.documents["text"].to_list() == ["eins", "zwei"]
    assert (read.lines, read.other_language) == (4, 2)
    every = collect_seeds(path, None, columns={"language": "lang"}).documents
    assert every["language"].to_list() == ["de", "en", "de", "und"]
    assert set(collect_seeds(path, "de").documents["language"]) == {"de"}


def test_a_corpus_that_cannot_be_read_says_why_and_what_to_do(tmp_path: Path) -> None:
    good = _write(tmp_path / "x.jsonl", _rows("one", lang="en"))
    cases = [
        ((str(tmp_path / "nope.jsonl"), "en"), {}, "does not exist; name a file"),
        ((_write(tmp_path / "x.docx", b""), "en"), {}, "unknown ending; files that end in .jsonl.zst"),
        ((_write(tmp_path / "empty.jsonl", b""), "en"), {}, "is empty"),
        ((f"{tmp_path}/*.parquet", "en"), {}, "no file matches"),
        (
            (good, "en"),
            {"columns": {"text": "content"}},
            "no column 'content' for text; the columns are id, lang",
        ),
        ((good, "en"), {"columns": {"url": "uri"}}, "no column 'uri' for url"),
        ((good, "en"), {"columns": {"txt": "text"}}, r"\['txt'\] are none of ours"),
        ((good, "de"), {"columns": {"language": "lang"}, "select_language": True}, "it has en"),
        (("nofs://x", "en"), {}, "use a path or an hf://"),
        ((good, "en"), {"layout": "hplt9"}, "no layout 'hplt9'; shipped are hplt1"),
        ((good, "en"), {"sample": 0.0}, "give a share above 0"),
        ((good, "en"), {"text_unit": "page"}, "choose one of file, block, line"),
    ]
    for arguments, options, message in cases:
        with pytest.raises(SeedError, match=message):
            collect_seeds(*arguments, **options)
    (tmp_path / "none").mkdir()
    with pytest.raises(SeedError, match="file in folder"):
        collect_seeds(str(tmp_path / "none"), "en")
    pl.DataFrame({"text": [1]}).write_parquet(tmp_path / "n.parquet")
    with pytest.raises(SeedError, match="has type int64, not string"):
        collect_seeds(str(tmp_path / "n.parquet"), "en")


def test_a_path_that_cannot_be_read_fails_before_the_first_batch_is_asked_for() -> None:
    with pytest.raises(SeedError):
        read_seeds("/nowhere/x.jsonl", "en")


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.text(max_size=20).map(lambda text: json.dumps({"text": text}).encode()),
            st.sampled_from(list(FAULTS)),
            st.just(b"{}"),
        ),
        min_size=1,
        max_size=12,
    ),
    batch_rows=st.integers(1, 5),
    frame=st.integers(5, 60),
)
def test_whatever_the_bytes_no_line_is_lost_or_counted_twice(
    tmp_path_factory, pieces: list[bytes], batch_rows: int, frame: int
) -> None:
    data = b'{"text": "first"}\n' + b"\n".join(pieces)
    path = tmp_path_factory.mktemp("fuzz") / "x.jsonl.zst"
    path.write_bytes(_frames(data, frame))
    read = collect_seeds(str(path), "en", batch_rows=batch_rows, max_line_bytes=50_000)
    physical = len(data.splitlines())
    lines = sorted([*read.documents["line"], *read.quarantined["line"]])
    assert lines == list(range(1, physical + 1))
    assert read.lines == physical
    check_table(read.documents, SeedDocument)
    check_table(read.quarantined, QuarantinedLine)


def test_an_id_is_the_address_of_language_source_id_url_text_and_occurrence(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", _rows("a", url="u") * 2)
    found = collect_seeds(path, "en").documents["document_id"].to_list()
    assert found == [address_of("document", "en", "0", "u", "a", str(number)) for number in (0, 1)]


@pytest.mark.parametrize("readers", [2, 5])
def test_files_read_at_once_give_what_they_give_one_after_the_other(tmp_path: Path, readers: int) -> None:
    for number in range(7):
        texts = [f"text {line % 9} of {number % 3}" for line in range(40)]
        _write(tmp_path / f"{number}.jsonl.zst", _frames(_rows(*texts) + b"{broken\n", 300))
    serial = list(read_seeds(str(tmp_path), "en", batch_rows=9))
    at_once = list(read_seeds(str(tmp_path), "en", batch_rows=9, readers=readers))
    assert len(serial) == len(at_once)
    for one, other in zip(serial, at_once, strict=True):
        assert one.documents.equals(other.documents)
        assert one.quarantined.equals(other.quarantined)
        assert one[2:] == other[2:]


def test_an_error_in_a_later_file_comes_after_the_batches_before_it(tmp_path: Path) -> None:
    _write(tmp_path / "a.csv", b"text\none\n")
    _write(tmp_path / "b.csv", b"title\ntwo\n")
    batches = read_seeds(str(tmp_path), "en", readers=2)
    assert next(batches).documents["text"].to_list() == ["one"]
    with pytest.raises(SeedError, match="no column 'text' for text; the columns are title"):
        next(batches)


def test_a_sample_is_stable_grows_by_superset_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.jsonl", _rows(*(f"text {number}" for number in range(2000))) + b"null\n")
    every = collect_seeds(path, "en")
    tenth, third = (collect_seeds(path, "en", sample=share, batch_rows=77) for share in (0.1, 0.3))
    for read in (every, tenth, third):
        assert read.lines == 2001 == read.documents.height + read.quarantined.height + read.sampled_out
    assert 150 < tenth.documents.height < 250
    assert 530 < third.documents.height < 670
    assert (
        set(tenth.documents["document_id"]) < set(third.documents["document_id"]) < set(every.documents["document_id"])
    )
    assert tenth.documents.equals(every.documents.filter(sampled(0.1)))


@pytest.mark.parametrize("batch_rows", [19, 10_000])
def test_a_column_counts_as_missing_where_no_object_has_it_however_lines_are_batched(
    tmp_path: Path, batch_rows: int
) -> None:
    late = _write(tmp_path / "late.jsonl", b'{"title": "t"}\n' * 20 + _rows("text at last"))
    read = collect_seeds(late, "en", batch_rows=batch_rows)
    assert (read.documents.height, set(read.quarantined["reason"])) == (1, {"no_text"})
    never = _write(tmp_path / "never.jsonl", b'{"title": "\xff"}\n' + b'{"title": "t"}\n' * 20_000)
    with pytest.raises(SeedError, match="no column 'text' for text; the columns are title"):
        collect_seeds(never, "en", batch_rows=batch_rows)


def test_values_that_are_no_ids_do_not_stop_the_reading(tmp_path: Path) -> None:
    row = b'{"text": "a", "id": ' + b"9" * 400 + b', "url": ' + b"[" * 200 + b"]" * 200 + b"}\n"
    read = collect_seeds(_write(tmp_path / "x.jsonl", row), "en")
    assert read.documents["text"].to_list() == ["a"]


@needs_ntrex
def test_a_real_dirty_crawl_is_accounted_for_line_by_line() -> None:
    truth = truth_of(NTREX / "mixed.truth.jsonl")
    read = collect_seeds(str(NTREX / "mixed.jsonl.zst"), None, batch_rows=100)
    assert read.lines == truth.height == read.documents.height + read.quarantined.height
    unreadable = ["bad_json", "bad_utf8", "blank_line", "not_an_object", "null_text", "no_text"]
    planted = truth.filter(pl.col("truth").is_in(unreadable)).select("line", pl.col("truth").alias("reason"))
    assert read.quarantined.select("line", "reason").equals(planted)


@needs_ntrex
def test_a_real_truncated_file_keeps_what_could_be_read() -> None:
    read = collect_seeds(str(NTREX / "truncated.jsonl.zst"), "en")
    whole = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO((NTREX / "truncated.jsonl.zst").read_bytes()), read_across_frames=True
    )
    assert read.documents.height == whole.read().count(b"\n") == 59
    assert read.quarantined.select("line", "reason").rows() == [(60, "truncated")]
