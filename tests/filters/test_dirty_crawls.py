"""Reading, identification and filters together, on dirty crawls whose every fault is known.

Each crawl goes through the functions of the assets and through `xl corpus clean`, with their default settings.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from resources.language_identifier import LanguageIdentifier
from tests.dirty_corpus import write_dirty_crawl
from tests.real_text import DEMO, NTREX, NTREX_LANGUAGES, needs_ntrex, truth_of
from xl_assets.corpus.cleaning import clean
from xl_assets.corpus.options import CleanOptions
from xl_assets.filters.heuristics import RULES, apply_heuristics
from xl_assets.filters.language_id import identify_documents
from xl_assets.filters.near_duplicates import DuplicateSettings
from xl_assets.filters.pipeline import FilterSettings, filter_documents
from xl_assets.filters.thresholds import derive_rule_thresholds
from xl_assets.seeds.normalise import normalised
from xl_assets.seeds.passages import cut_passages
from xl_assets.seeds.readers import SeedBatch, collect_seeds
from xl_assets.tables import FilteredDocument, IdentifiedDocument, SeedDocument, check_table, empty_table

#: A corpus of many languages and a free folder -> one row per line: file, line, language, kept, reasons, redactions.
Decide = Callable[[Path, Path, LanguageIdentifier], pl.DataFrame]

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


def _by_assets(corpus: Path, folder: Path, identifier: LanguageIdentifier) -> pl.DataFrame:
    return _decisions(collect_seeds(str(corpus), None), identifier)


def _by_clean(corpus: Path, folder: Path, identifier: LanguageIdentifier) -> pl.DataFrame:
    clean([str(corpus)], folder / "cleaned", CleanOptions(), identifier)
    decided = pl.read_parquet(folder / "cleaned" / "decisions.parquet")
    documents = pl.read_parquet(folder / "cleaned" / "documents", glob=True)
    redactions = documents.select("line", "redactions")
    named = decided.with_columns(file=pl.lit(corpus.name), language=pl.col("language_declared"))
    return named.join(redactions, on="line", how="left").select(
        *("file", "line", "language", "kept", "reasons", "redactions")
    )


both_ways = pytest.mark.parametrize("decide", [_by_assets, _by_clean])


def _check(decided: pl.DataFrame, truth: pl.DataFrame, lost_at_most: float, of_kept_only: bool = False) -> None:
    rows = decided.join(truth, on=["file", "line"], how="full", coalesce=True, validate="1:1")
    assert rows.height == truth.height == decided.height
    planted = rows.filter(pl.col("truth").is_in(sorted(REJECTED_AT_READING | REJECTED_BY_FILTERS)))
    missed = planted.filter(pl.col("kept") | ~pl.col("reasons").list.contains(pl.col("truth")))
    assert missed.is_empty(), missed.select("file", "line", "truth", "reasons")
    families = rows.filter(pl.col("truth").is_in(["keep", *FAMILY])).with_columns(
        pl.coalesce("of", "id").alias("family")
    )
    # A good document is lost where neither it nor a variant of it stays; never does more than one stay.
    stay = families.group_by("family").agg(pl.col("kept").sum(), pl.len(), pl.col("language").drop_nulls().first())
    assert stay["kept"].max() == 1
    lost = stay.group_by("language").agg((pl.col("kept") == 0).mean().alias("lost"))
    assert lost.filter(pl.col("lost") > lost_at_most).is_empty(), lost
    assert stay.filter(pl.col("len") > 1)["kept"].min() == 1
    dropped = families.filter(~pl.col("kept") & (pl.col("truth") != "keep"))["reasons"].explode()
    assert set(dropped) <= {"exact_duplicate", "near_duplicate"}
    # `xl corpus clean` says so of documents that stay only.
    judged = rows.filter(pl.col("truth") == "pii", "kept" if of_kept_only else pl.lit(True))
    assert judged["redactions"].to_list() == [3] * judged.height


@needs_ntrex
@pytest.mark.parametrize("language", NTREX_LANGUAGES)
def test_clean_real_text_passes(language: str, identifier: LanguageIdentifier) -> None:
    read = collect_seeds(str(NTREX / f"{language}.jsonl.zst"), language)
    _, filtered = _filtered(read, identifier)
    assert filtered["kept"].sum() / read.lines >= 0.98


@needs_ntrex
def test_clean_text_passes_by_thresholds_that_were_derived_without_it() -> None:
    folds = 5
    read = [collect_seeds(str(NTREX / f"{language}.jsonl.zst"), language).documents for language in NTREX_LANGUAGES]
    documents = pl.concat(read).with_columns(normalised("text")).select("language", "text", fold=pl.col("line") % folds)
    own = {rule.name: rule.threshold for rule in RULES}
    judged = []
    for fold in range(folds):
        derived = derive_rule_thresholds(documents.filter(pl.col("fold") != fold))
        for (language,), part in documents.filter(fold=fold).partition_by("language", as_dict=True).items():
            limits = own | derived.get(str(language), {})
            judged.append(apply_heuristics(part, thresholds=limits).select("language", "kept"))
    lost = pl.concat(judged).group_by("language").agg((~pl.col("kept")).sum().alias("lost"))
    assert lost.height == len(NTREX_LANGUAGES)
    assert int(lost["lost"].sum()) <= documents.height / 100, lost
    # Of 123 documents of a language one is 0.8 %: more than 2 % are at least three, and those are too few to tell.
    assert lost.filter(pl.col("lost") > 3).is_empty(), lost


@needs_ntrex
@both_ways
def test_every_fault_of_a_real_dirty_crawl_is_caught_for_its_reason(
    decide: Decide, tmp_path: Path, identifier: LanguageIdentifier
) -> None:
    truth = truth_of(NTREX / "mixed.truth.jsonl").with_columns(file=pl.lit("mixed.jsonl.zst"))
    assert truth.height == 1223
    _check(
        decide(NTREX / "mixed.jsonl.zst", tmp_path, identifier),
        truth,
        lost_at_most=0.02,
        of_kept_only=decide is _by_clean,
    )


@needs_ntrex
@both_ways
@pytest.mark.parametrize("seed", [7, 20_261_121])
def test_the_same_holds_on_another_mix_made_with_another_seed(
    seed: int, decide: Decide, tmp_path: Path, identifier: LanguageIdentifier
) -> None:
    crawl = write_dirty_crawl(tmp_path, seed)
    truth = truth_of(crawl.truth).with_columns(file=pl.lit(crawl.corpus.name))
    _check(decide(crawl.corpus, tmp_path, identifier), truth, lost_at_most=0.02, of_kept_only=decide is _by_clean)


def test_documents_in_languages_that_are_not_registered_are_judged_too(identifier: LanguageIdentifier) -> None:
    texts = {
        "es": "El tren de la mañana salió con retraso porque la nieve había cubierto las vías durante la noche.",
        "th": "เช้าวันนี้รถไฟออกช้ากว่ากำหนดเพราะหิมะตกหนักตลอดทั้งคืน ผู้โดยสารจึงต้องรออยู่ที่สถานี",
        "sv": "Menu",
    }
    rows = [
        {"document_id": language, "language": language, "text": text, "file": "f", "line": line}
        for line, (language, text) in enumerate(texts.items(), start=1)
    ]
    documents = pl.concat([empty_table(SeedDocument), pl.DataFrame(rows)], how="diagonal_relaxed")
    identified = identify_documents(documents, identifier.predict)
    filtered = filter_documents(identified.with_columns(kept=pl.lit(True)))
    assert filtered["document_id"].to_list() == [*texts]
    assert identified["reasons"].to_list()[:2] == [[], []]
    assert "too_short" in identified["reasons"].to_list()[2]


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
