"""Scores: the cached scorer agrees with fastText, and a row's score depends on its text only."""

import pickle

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.quality.examples import menus, news
from xl_assets.fasttext import FastTextScorer
from xl_assets.quality.contract import QualityModelRow, load_scorers, model_row
from xl_assets.quality.fit import fit
from xl_assets.quality.scoring import StockScorer, load_scorer, score_quality
from xl_assets.quality.settings import QualityError
from xl_assets.tables import check_table

TEXTS = [*news(30, seed=7), *menus(30, seed=8)]


def frame(texts, language="en") -> pl.DataFrame:
    return pl.DataFrame({"text": texts, "language": language}, schema={"text": pl.String, "language": pl.String})


def quality(texts, scorer) -> list[float | None]:
    return score_quality(frame(texts), {"en": scorer})["quality"].to_list()


def test_news_scores_above_menus(trained):
    scores = quality(TEXTS, load_scorer(trained.model.file))
    assert sorted(scores, reverse=True)[:30] == pytest.approx(sorted(scores[:30], reverse=True))


@given(st.lists(st.text() | st.sampled_from(TEXTS), max_size=20))
@settings(max_examples=60, deadline=None)
def test_the_cached_scorer_agrees_with_fasttext_on_any_text(trained, texts):
    cached, stock = (quality(texts, make(trained.model.file)) for make in (FastTextScorer.load, StockScorer))
    assert [score is None for score in cached] == [score is None for score in stock]
    assert [score or 0 for score in cached] == pytest.approx([score or 0 for score in stock], abs=1e-4)
    assert all(score is None or 0 <= score <= 1 for score in cached)


def test_a_score_does_not_depend_on_the_rows_around_it(trained):
    scorer = load_scorer(trained.model.file)
    together = quality(TEXTS, scorer)
    alone = [quality([text], load_scorer(trained.model.file))[0] for text in TEXTS]
    assert together == alone
    assert quality(TEXTS[::-1], scorer) == together[::-1]


def test_a_scorer_travels_to_another_process_by_its_path(trained):
    scorer = load_scorer(trained.model.file)
    before = quality(TEXTS, scorer)
    assert quality(TEXTS, pickle.loads(pickle.dumps(scorer))) == before


def test_a_model_over_character_n_grams_is_scored_by_the_cached_scorer(trained, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("__label__high good words\n__label__low bad menu\n" * 20, encoding="utf-8")
    parameters = {"dim": 4, "minn": 2, "maxn": 3, "bucket": 1000, "loss": "softmax"}
    fit(lines, tmp_path / "characters.bin", parameters)
    assert isinstance(load_scorer(tmp_path / "characters.bin"), FastTextScorer)
    assert isinstance(load_scorer(trained.model.file), StockScorer)


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "broken.bin").write_bytes(b"nothing")
    with pytest.raises(QualityError, match="is no fastText model"):
        load_scorer(tmp_path / "broken.bin")


def test_a_language_without_a_model_and_a_text_without_anything_to_read_have_no_score(trained):
    rows = pl.concat([frame(["A text."], "de"), frame(["", None, "\n \t"]), frame(["The council opened the garden."])])
    scores = score_quality(rows, {"en": load_scorer(trained.model.file)})["quality"]
    assert scores.is_null().to_list() == [True, True, True, True, False]
    assert scores.dtype == pl.Float64
    assert score_quality(rows, {})["quality"].to_list() == [None] * 5


def test_a_table_row_leads_back_to_the_scorer(trained):
    row = check_table(model_row(trained.model, trained.folder), QualityModelRow)
    assert row["file"].item() == f"models/{trained.model.file.name}"
    scorer = load_scorers(row, trained.folder)["en"]
    assert quality(TEXTS, scorer) == quality(TEXTS, load_scorer(trained.model.file))


def test_a_model_that_is_gone_is_named_with_the_remedy(trained):
    with pytest.raises(QualityError, match="materialise quality_model"):
        load_scorer(trained.folder / "gone.bin")


def test_a_model_of_other_classes_is_refused(trained):
    class Other:
        labels = ("__label__en", "__label__de")

    with pytest.raises(QualityError, match="no class 'high'"):
        score_quality(frame(["A text."]), {"en": Other()})
