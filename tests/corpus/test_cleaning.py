"""A corpus is cleaned to the same bytes however it is done, and every record is accounted for."""

import fcntl
import shutil
from pathlib import Path

import polars as pl
import pytest
import zstandard

from tests.corpus.made_up import BAD, LANGUAGES, Dying, Late, decisions, digests, documents, run, write_corpus
from xl_assets.corpus.options import CorpusError
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.filters.rules import UnknownRuleSet
from xl_assets.languages import UnknownLanguage
from xl_assets.seeds.readers import SeedError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "mixed.jsonl"
    write_corpus(file)
    return file


@pytest.fixture(scope="module")
def cleaned(corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("cleaned") / "out"
    run(corpus, out)
    return out


def test_every_record_has_exactly_one_decision(corpus, cleaned):
    found = decisions(cleaned)
    assert found["line"].to_list() == list(range(1, len(corpus.read_text().splitlines()) + 1))
    assert found.columns == [
        *("source", "line", "id", "language_declared", "language", "language_score", "kept", "reasons", "cluster")
    ]
    assert found.filter(pl.col("kept") != (pl.col("reasons").list.len() == 0)).is_empty()


def test_the_documents_are_exactly_those_that_the_decisions_keep(cleaned):
    assert documents(cleaned)["id"].to_list() == decisions(cleaned).filter("kept")["id"].to_list()


def test_a_line_that_is_no_document_is_in_the_decisions_and_in_the_quarantine(cleaned):
    bad = decisions(cleaned).filter(pl.col("id").is_null())
    assert bad["reasons"].explode().to_list() == [*BAD.values()] * len(LANGUAGES)
    assert pl.read_parquet(cleaned / "quarantine.parquet")["head"].to_list() == [*BAD] * len(LANGUAGES)


def test_a_copy_is_dropped_and_names_the_cluster_of_its_original(cleaned):
    found = decisions(cleaned).filter(pl.col("reasons").list.contains("exact_duplicate"))
    originals = decisions(cleaned).filter("kept", pl.col("cluster").is_in(found["cluster"].implode()))
    assert found.height == originals.height >= len(LANGUAGES)


def test_a_record_without_a_declared_language_is_judged_as_what_it_is(cleaned):
    found = decisions(cleaned).filter(pl.col("language_declared").is_null(), pl.col("id").is_not_null())
    assert found["language"].to_list() == [*LANGUAGES, None]
    assert found["reasons"].to_list()[-1][0] == "unsure_language"


def test_a_record_in_another_language_than_declared_says_which(cleaned):
    found = decisions(cleaned).filter(pl.col("reasons").list.contains("wrong_language"))
    assert ("en", "de") in found.select("language_declared", "language").rows()
    assert found.filter(pl.col("language_declared") == pl.col("language")).is_empty()


def test_a_declared_language_that_is_none_is_a_reason_and_no_crash(cleaned):
    found = decisions(cleaned).filter(pl.col("language_declared") == "klingon")
    assert found["reasons"].to_list() == [["unknown_language"]]


def test_one_declared_language_holds_for_all_records(corpus, tmp_path):
    run(corpus, tmp_path / "out", language="de")
    found = decisions(tmp_path / "out")
    assert found["language_declared"].unique().to_list() == ["de"]
    assert set(documents(tmp_path / "out")["language"]) == {"de"}


@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 7), (2, 30), (3, 11)])
def test_neither_workers_nor_batches_change_a_byte(corpus, cleaned, tmp_path, workers, batch_rows):
    run(corpus, tmp_path / "out", workers=workers, batch_rows=batch_rows)
    assert digests(tmp_path / "out") == digests(cleaned)


@pytest.mark.parametrize("workers", [2, 3])
def test_finishing_waits_for_the_batches_that_others_are_still_at(corpus, tmp_path, monkeypatch, workers):
    monkeypatch.setattr("xl_assets.corpus.finishing.FILE_BYTES", 5_000)
    run(corpus, tmp_path / "alone", duplicates=False)
    out, late = tmp_path / "out", Late(tmp_path / "begun")
    run(corpus, out, late, workers=workers, batch_rows=10, duplicates=False)
    assert late.mark.exists()
    assert digests(out) == digests(tmp_path / "alone")
    assert len(digests(out)) > 5


def test_a_worker_that_dies_while_finishing_has_begun_is_told_and_nothing_is_lost(corpus, tmp_path):
    run(corpus, tmp_path / "alone", duplicates=False)
    identifier, out = Dying(tmp_path / "died"), tmp_path / "out"
    with pytest.raises(CorpusError, match=r"died.*same command again"):
        run(corpus, out, identifier, workers=2, batch_rows=60, duplicates=False)
    assert not (out / "decisions.parquet").exists()
    run(corpus, out, identifier, workers=2, batch_rows=60, duplicates=False)
    assert digests(out) == digests(tmp_path / "alone")


def test_the_funnel_adds_up_in_all_and_by_language(corpus, tmp_path):
    funnel = run(corpus, tmp_path / "out")
    for step in (funnel.all, *funnel.languages.values()):
        assert step.records == step.kept + sum(step.rejected.values())
    assert sum(step.records for step in funnel.languages.values()) == funnel.all.records


def test_without_duplicates_copies_stay_and_no_cluster_is_told(corpus, cleaned, tmp_path):
    run(corpus, tmp_path / "out", duplicates=False)
    found = decisions(tmp_path / "out")
    assert found["cluster"].null_count() == found.height
    assert found["kept"].sum() > decisions(cleaned)["kept"].sum()


def test_two_inputs_are_one_corpus(corpus, cleaned, tmp_path):
    again = tmp_path / "again" / corpus.name
    again.parent.mkdir()
    shutil.copy(corpus, again)
    run([corpus, again], tmp_path / "out")
    found = decisions(tmp_path / "out")
    assert found["id"].drop_nulls().is_unique().all()
    assert found["source"].unique(maintain_order=True).to_list() == [str(corpus), str(again)]
    assert found["kept"].sum() == decisions(cleaned)["kept"].sum()


def test_a_finished_folder_is_not_made_again(corpus, cleaned):
    before = (cleaned / "decisions.parquet").stat().st_mtime_ns
    assert run(corpus, cleaned).all.records == decisions(cleaned).height
    assert (cleaned / "decisions.parquet").stat().st_mtime_ns == before
    assert not (cleaned / ".work").exists()


def test_another_configuration_is_refused_and_nothing_is_touched(corpus, cleaned):
    before = digests(cleaned)
    with pytest.raises(CorpusError, match=r"other filters.*--fresh"):
        run(corpus, cleaned, filters=FilterSettings(thresholds={"words": 5}))
    assert digests(cleaned) == before


def test_fresh_removes_what_another_configuration_left(corpus, cleaned, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(cleaned, out)
    run(corpus, out, filters=FilterSettings(thresholds={"words": 10_000}), fresh=True)
    assert documents(out).is_empty()


def test_a_folder_with_something_else_in_it_is_refused(corpus, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(CorpusError, match=r"thesis\.tex.*empty folder"):
        run(corpus, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_where_another_command_works_is_refused(corpus, tmp_path):
    (tmp_path / ".work").mkdir()
    with (tmp_path / ".work" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CorpusError, match="another command"):
            run(corpus, tmp_path)


def test_a_worker_that_dies_is_told_and_the_same_command_goes_on(corpus, cleaned, tmp_path):
    identifier, out = Dying(tmp_path / "died"), tmp_path / "out"
    with pytest.raises(CorpusError, match=r"died.*same command again"):
        run(corpus, out, identifier, workers=2, batch_rows=10)
    assert not (out / "decisions.parquet").exists()
    run(corpus, out, identifier, workers=2, batch_rows=10)
    assert digests(out) == digests(cleaned)


def test_a_file_that_breaks_off_keeps_what_could_be_read_and_is_named(corpus, tmp_path):
    whole = zstandard.compress(corpus.read_bytes())
    file = tmp_path / "cut.jsonl.zst"
    file.write_bytes(whole[: len(whole) - 200])
    funnel = run(file, tmp_path / "out")
    assert funnel.broken == {"cut.jsonl.zst": "truncated"}
    assert funnel.all.records == decisions(tmp_path / "out").height


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("missing.jsonl", None, "does not exist"), ("empty.jsonl", "", "empty"), ("body.jsonl", '{"body": "a"}', "text")],
)
def test_a_corpus_that_cannot_be_read_is_a_clear_error(tmp_path, name, content, told):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SeedError, match=told):
        run(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out" / "decisions.parquet").exists()


def test_an_unknown_language_or_rule_set_is_told_before_anything_is_made(corpus, tmp_path):
    with pytest.raises(UnknownLanguage, match="qq"):
        run(corpus, tmp_path / "out", language="qq")
    with pytest.raises(UnknownRuleSet, match="gofer"):
        run(corpus, tmp_path / "out", filters=FilterSettings(sets=["gofer"]))
    assert not (tmp_path / "out").exists()


def test_a_corpus_without_any_document_gives_empty_tables(tmp_path):
    (tmp_path / "blank.jsonl").write_text("\n\n")
    funnel = run(tmp_path / "blank.jsonl", tmp_path / "out")
    assert funnel.all.rejected == {"blank_line": 2}
    assert documents(tmp_path / "out").is_empty()


def test_the_documents_can_be_cleaned_again_and_stay(cleaned, tmp_path):
    funnel = run(cleaned / "documents", tmp_path / "out")
    assert funnel.all.kept == funnel.all.records == documents(cleaned).height


def test_a_first_try_that_finished_nothing_leaves_the_folder_free_for_another_configuration(corpus, cleaned, tmp_path):
    with pytest.raises(SeedError, match="content"):
        run(corpus, tmp_path / "out", columns={"text": "content"})
    run(corpus, tmp_path / "out")
    assert digests(tmp_path / "out") == digests(cleaned)


def test_parts_of_a_batch_that_another_configuration_began_are_not_mixed_in(corpus, cleaned, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SeedError, match="content"):
        run(corpus, out, columns={"text": "content"})
    kept = pl.read_parquet(next((cleaned / "documents").iterdir()))
    for part in ("documents", "sketches"):
        kept.write_parquet(out / ".work" / part / "00000099.parquet")
    run(corpus, out)
    assert digests(out) == digests(cleaned)


def test_another_configuration_is_refused_where_a_batch_is_finished(corpus, tmp_path):
    with pytest.raises(CorpusError, match="died"):
        run(corpus, tmp_path / "out", Dying(tmp_path / "died"), workers=2, batch_rows=10)
    finished = list((tmp_path / "out" / ".work" / "decisions").iterdir())
    assert finished
    with pytest.raises(CorpusError, match=r"other filters, (model, )?reading.*--fresh"):
        run(corpus, tmp_path / "out", filters=FilterSettings(thresholds={"words": 5}))
    assert list((tmp_path / "out" / ".work" / "decisions").iterdir()) == finished
