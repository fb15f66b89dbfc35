"""Reading, identification and filters together, on dirty crawls whose every fault is known."""

from pathlib import Path

import polars as pl
import pytest

from resources.language_identifier import LanguageIdentifier
from tests.dirty_corpus import write_dirty_crawl
from tests.real_text import DEMO, NTREX, NTREX_LANGUAGES, needs_ntrex, truth_of
from xl_assets.filters.language_id import identify_documents
from xl_assets.filters.near_duplicates import DuplicateSettings
from xl_assets.filters.pipeline import FilterSettings, filter_documents
from xl_assets.seeds.passages import cut_passages
from xl_assets.seeds.readers import SeedBatch, collect_seeds
from xl_assets.tables import FilteredDocument, IdentifiedDocument, check_table

REJECTED_AT_READING = {"bad_json", "bad_utf8", "blank_line", "not_an_object", "null_text", "no_text"}
REJECTED_BY_FILTERS = {"wrong_language", "repetition", "symbols", "too_short"}
FAMILY = {"exact_duplicate", "near_duplicate", "pii"}


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier()


def _filtered(read: SeedBatch, identifier: LanguageIdentifier) -> tuple[pl.DataFrame, pl.DataFrame]:
    identified = identify_documents(read.documents, identifier.predict)
    check_table(identified, IdentifiedDocument)
    filtered = filter_documents(identified)
    assert identified.height == read.documents.height
    assert filtered.height == identified["kept"].sum()
    return identified, filtered


def _decisions(read: SeedBatch, identifier: LanguageIdentifier) -> pl.DataFrame:
    """One row per line: kept, reasons, redactions."""
    identified, filtered = _filtered(read, identifier)
    columns = ["file", "line", "language", "kept", "reasons"]
    rejected = identified.filter(~pl.col("kept")).select(columns)
    quarantined = read.quarantined.select(
        "file", "line", "language", pl.lit(False).alias("kept"), pl.concat_list("reason").alias("reasons")
    )
    decided = pl.concat([filtered.select(*columns, "redactions"), rejected, quarantined], how="diagonal")
    assert decided.height == read.lines
    return decided


def _check(decided: pl.DataFrame, truth: pl.DataFrame, lost_at_most: float) -> None:
    rows = decided.join(truth, on=["file", "line"], how="full", coalesce=True, validate="1:1")
    assert rows.height == truth.height == decided.height
    planted = rows.filter(pl.col("truth").is_in(sorted(REJECTED_AT_READING | REJECTED_BY_FILTERS)))
    missed = planted.filter(pl.col("kept") | ~pl.col("reasons").list.contains(pl.col("truth")))
    assert missed.is_empty(), missed.select("file", "line", "truth", "reasons")
    families = rows.filter(pl.col("truth").is_in(["keep", *FAMILY])).with_columns(
        pl.coalesce("of", "id").alias("family")
    )
    # A good document is lost where neither it nor a variant of it stays; never does more than one stay.
    stay = families.group_by("family").agg(pl.col("kept").sum(), pl.len(), pl.col("language").first())
    assert stay["kept"].max() == 1
    lost = stay.group_by("language").agg((pl.col("kept") == 0).mean().alias("lost"))
    assert lost["lost"].max() <= lost_at_most, lost
    assert stay.filter(pl.col("len") > 1)["kept"].min() == 1
    dropped = families.filter(~pl.col("kept") & (pl.col("truth") != "keep"))["reasons"].explode()
    assert set(dropped) <= {"exact_duplicate", "near_duplicate"}
    assert rows.filter(truth="pii")["redactions"].to_list() == [3] * rows.filter(truth="pii").height


@needs_ntrex
@pytest.mark.parametrize("language", NTREX_LANGUAGES)
def test_clean_real_text_passes(language: str, identifier: LanguageIdentifier) -> None:
    read = collect_seeds(str(NTREX / f"{language}.jsonl.zst"), language)
    _, filtered = _filtered(read, identifier)
    assert filtered["kept"].sum() / read.lines >= 0.97


@needs_ntrex
def test_every_fault_of_a_real_dirty_crawl_is_caught_for_its_reason(identifier: LanguageIdentifier) -> None:
    truth = truth_of(NTREX / "mixed.truth.jsonl").with_columns(file=pl.lit("mixed.jsonl.zst"))
    _check(_decisions(collect_seeds(str(NTREX / "mixed.jsonl.zst"), None), identifier), truth, lost_at_most=0.02)


@needs_ntrex
@pytest.mark.parametrize("seed", [7, 20_261_121])
def test_the_same_holds_on_another_mix_made_with_another_seed(
    seed: int, tmp_path: Path, identifier: LanguageIdentifier
) -> None:
    crawl = write_dirty_crawl(tmp_path, seed)
    truth = truth_of(crawl.truth).with_columns(file=pl.lit(crawl.corpus.name))
    _check(_decisions(collect_seeds(str(crawl.corpus), None), identifier), truth, lost_at_most=0.02)


@pytest.mark.skipif(not (DEMO / "truth.jsonl").is_file(), reason="the demo corpus is not there")
def test_every_fault_of_the_demo_corpus_is_caught_for_its_reason(identifier: LanguageIdentifier) -> None:
    truth = truth_of(DEMO / "truth.jsonl")
    for name in truth["file"].unique().sort():
        decided = _decisions(collect_seeds(str(DEMO / name), name.partition(".")[0]), identifier)
        _check(decided, truth.filter(file=name), lost_at_most=0.0)


@needs_ntrex
def test_filtering_is_repeatable_and_does_not_depend_on_the_order_of_rows(identifier: LanguageIdentifier) -> None:
    read = collect_seeds(str(NTREX / "mixed.jsonl.zst"), "en", select_language=True)
    _, filtered = _filtered(read, identifier)
    shuffled = read._replace(documents=read.documents.sample(fraction=1, shuffle=True, seed=1))
    _, again = _filtered(shuffled, identifier)
    check_table(filtered, FilteredDocument)
    assert again.sort("line").equals(filtered.sort("line"))


@needs_ntrex
def test_no_personal_data_reach_a_passage(identifier: LanguageIdentifier) -> None:
    read = collect_seeds(str(NTREX / "mixed.jsonl.zst"), "en", select_language=True)
    _, filtered = _filtered(read, identifier)
    passages = cut_passages(filtered)
    assert passages.height > 500
    assert not passages.filter(pl.col("text").str.contains(r"\w@\w|192\.0\.2|7946|\[(EMAIL|PHONE|IP)\]")).height


def test_settings_come_from_a_profile_and_say_what_they_are() -> None:
    chosen = FilterSettings(thresholds={"words": 5}, duplicates={"jaccard": 0.9})  # type: ignore[arg-type]
    assert chosen.duplicates == DuplicateSettings(jaccard=0.9)
    assert chosen.as_dict()["duplicates"]["jaccard"] == 0.9  # type: ignore[index]


def test_rejected_documents_do_not_come_in_and_none_is_fine() -> None:
    documents = pl.DataFrame(
        {"document_id": ["a"], "language": ["en"], "text": ["x"], "file": ["f"], "line": [1], "kept": [False]}
    ).with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in ("source_id", "url", "source", "license"))
    assert filter_documents(documents.lazy()).is_empty()
