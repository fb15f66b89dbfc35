"""Identification with a model that says what it is told, and with the real one."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from resources.language_identifier import LanguageIdentifier
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.language_id import IdentificationSettings, Predict, identify, identify_documents, score_languages
from xl_assets.filters.thresholds import derive_lid_thresholds, derive_score_thresholds
from xl_assets.languages import UnknownLanguage, get_language
from xl_assets.seeds.readers import collect_seeds

IDENTIFIER, STOCK = LanguageIdentifier(), LanguageIdentifier(engine="stock")

GERMAN = "Der Hund schläft heute im Garten, weil die Sonne scheint."
ENGLISH = "The dog is sleeping in the garden today because the sun shines."


def _told(**scores: dict[str, float]) -> Predict:
    """Predicts what is told for texts that begin with a word."""

    def predict(texts: pl.Series) -> pl.DataFrame:
        found = [sorted(scores[text.split()[0]].items(), key=lambda item: -item[1]) for text in texts]
        return _answers([[label for label, _ in row] for row in found], [[score for _, score in row] for row in found])

    return predict


def _answers(labels: list[list[str]], scores: list[list[float]]) -> pl.DataFrame:
    schema = {"labels": pl.List(pl.String), "scores": pl.List(pl.Float64)}
    return pl.DataFrame({"labels": labels, "scores": scores}, schema=schema)


def _judged(text: str | None, language: str, predict, **options) -> dict:
    frame = pl.DataFrame({"text": [text], "language": [language]}, schema={"text": pl.String, "language": pl.String})
    return identify(frame, "text", predict, **options).to_dicts()[0]


@pytest.mark.parametrize(
    ("language", "scores", "reasons"),
    [
        ("de", {"de": 0.9, "en": 0.05}, []),
        ("de", {"de": 0.5, "en": 0.4}, ["unsure_language"]),
        ("de", {"en": 0.9, "de": 0.05}, ["wrong_language"]),
        ("de", {"en": 0.4, "nl": 0.3}, ["unsure_language"]),
        ("de", {"nl": 0.6}, ["wrong_language"]),  # not registered: the settings' threshold
        ("de", {"mt": 0.2}, ["wrong_language"]),  # above Maltese' own, low threshold
        ("mt", {"mt": 0.2, "it": 0.1}, []),
        ("mt", {"it": 0.3, "mt": 0.2}, ["unsure_language"]),
    ],
)
def test_each_language_has_its_threshold_and_wrong_is_not_unsure(language: str, scores: dict, reasons: list) -> None:
    row = _judged("word and so on", language, _told(word=scores))
    assert (row["reasons"], row["kept"]) == (reasons, not reasons)
    assert row["lid_language"] == max(scores, key=lambda label: scores[label])
    assert row["language_score"] == scores.get(language, 0.0)


def test_labels_of_the_same_language_add_up() -> None:
    def predict(texts: pl.Series) -> pl.DataFrame:
        return _answers([["ja", "zh", "zh"]] * len(texts), [[0.4, 0.35, 0.3]] * len(texts))

    row = _judged("猫住在森林里", "zh", predict)
    assert row["lid_language"] == "zh"
    assert row["language_score"] == pytest.approx(0.65)


def test_lines_in_another_language_are_noticed_and_short_ones_are_not_judged() -> None:
    line = "x" * 50
    predict = _told(good={"de": 0.9}, bad={"en": 0.9}, tiny={"en": 0.9})
    mixed = _judged(f"good {line}\nbad {line}\ntiny", "de", predict)
    assert mixed["reasons"] == ["mixed_language"]
    assert mixed["line_share"] == pytest.approx(54 / 107)
    assert _judged(f"good {line}\nbad {line}", "de", predict, settings=IdentificationSettings(least_line_share=0.5))[
        "kept"
    ]
    assert _judged("good\ntiny", "de", predict)["line_share"] is None


def test_the_script_is_checked() -> None:
    row = _judged("यह एक लंबा वाक्य है", "de", _told(यह={"de": 0.9}))
    assert (row["reasons"], row["script_share"]) == (["wrong_script"], 0.0)
    assert _judged("abc где", "de", _told(abc={"de": 0.9}))["script_share"] == 0.5


@pytest.mark.parametrize("text", ["", None, "404", "### $$$", "\n \n"])
def test_a_text_without_letters_is_unsure_and_the_model_is_not_asked(text: str | None) -> None:
    def predict(texts: pl.Series) -> pl.DataFrame:
        assert texts.is_empty()
        return _answers([], [])

    row = _judged(text, "de", predict)
    assert row["reasons"] == ["unsure_language"]
    assert row["lid_language"] is row["lid_score"] is row["script_share"] is None


def test_any_language_of_the_model_may_be_asked_for_and_no_other() -> None:
    found = _judged("word and so on", "sv", _told(word={"sv": 0.6}))
    assert (found["lid_language"], found["kept"]) == ("sv", True)
    assert _judged("word and so on", "sv", _told(word={"sv": 0.4}))["reasons"] == ["unsure_language"]
    with pytest.raises(UnknownLanguage, match="xx"):
        _judged("word", "xx", _told(word={"de": 1.0}))


def test_rows_of_many_languages_are_judged_by_their_own() -> None:
    frame = pl.DataFrame(
        {"text": ["ένα δύο τρία", "один два три", "один два три"], "language": ["el", "ru", "el"]},
    )
    predict = _told(ένα={"el": 0.9}, один={"ru": 0.9, "el": 0.05})
    found = identify(frame, "text", predict)
    assert found["reasons"].to_list() == [[], [], ["wrong_language", "wrong_script"]]
    assert found["script_share"].to_list() == [1.0, 1.0, 0.0]
    assert found["language_score"].to_list() == [0.9, 0.9, 0.05]


def test_predictions_as_a_pair_of_lists_are_understood() -> None:
    def predict(texts: pl.Series) -> tuple[list[list[str]], list[list[float]]]:
        return [["de", "en"]] * len(texts), [[0.8, 0.1]] * len(texts)

    assert _judged(GERMAN, "de", predict)["language_score"] == 0.8


LINES = st.lists(
    st.sampled_from([GERMAN, ENGLISH, "猫住在森林里，它每天吃苹果，晚上唱歌。" * 2, "tiny", "", "404 $$", "</s> der"]),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(LINES.map("\n".join), min_size=1, max_size=8), language=st.sampled_from(["de", "zh", "sv"]))
def test_one_pass_over_the_bytes_says_what_asking_text_by_text_does(texts: list[str], language: str) -> None:
    frame = pl.DataFrame({"text": texts, "language": [language] * len(texts)})
    in_one_pass = identify(frame, "text", IDENTIFIER.predict)
    one_by_one = identify(frame, "text", lambda asked: IDENTIFIER.predict(asked), model=IDENTIFIER.name)
    assert_frame_equal(in_one_pass, one_by_one)
    assert_frame_equal(in_one_pass, identify(frame, "text", STOCK.predict), abs_tol=1e-4)
    apart = pl.concat(identify(part, "text", IDENTIFIER.predict) for part in frame.iter_slices(3))
    assert_frame_equal(in_one_pass, apart, check_exact=True)


def test_scores_alone_are_those_of_identification() -> None:
    frame = pl.DataFrame({"text": [GERMAN, ENGLISH, "404", None], "language": ["de", "de", "de", "sv"]})
    columns = ["lid_language", "lid_score", "language_score"]
    scored = score_languages(frame, "text", IDENTIFIER.predict)
    assert scored.columns == ["text", "language", *columns]
    assert scored.select(columns).equals(identify(frame, "text", IDENTIFIER.predict).select(columns))


def test_earlier_reasons_stay_and_eager_and_lazy_agree() -> None:
    frame = pl.DataFrame(
        {"answer": [GERMAN, ENGLISH], "wanted": ["de", "de"], "kept": [False, True], "reasons": [["low"], []]},
        schema_overrides={"reasons": pl.List(pl.String)},
    )
    identifier = LanguageIdentifier()
    eager = identify(frame, "answer", identifier.predict, language="wanted")
    assert eager["reasons"].to_list() == [["low"], ["wrong_language"]]
    assert eager["kept"].to_list() == [False, False]
    assert set(eager["lid_model"]) == {identifier.name}
    lazy = identify(frame.lazy(), "answer", identifier.predict, language="wanted")
    assert lazy.collect().equals(eager)


def test_no_rows_in_no_rows_out() -> None:
    frame = pl.DataFrame(schema={"text": pl.String, "language": pl.String})
    assert identify(frame, "text", LanguageIdentifier().predict).is_empty()


def test_stubs_symbols_and_repetition_say_so_beside_the_guess_at_their_language() -> None:
    texts = [
        "Cookies",
        "### ||| $$$ " * 40,
        f"{ENGLISH}\n" * 12,
        ENGLISH * 3,
        "猫住在森林里，它每天吃苹果，晚上唱歌。" * 3,
    ]
    documents = pl.DataFrame({"text": texts}).with_columns(language=pl.lit("de"))
    found = identify_documents(documents, LanguageIdentifier().predict)
    reasons = found["reasons"].to_list()
    assert "too_short" in reasons[0]
    assert "symbols" in reasons[1]
    assert reasons[2] == ["wrong_language", "repetition"]
    assert "too_short" not in reasons[3]
    assert "too_short" not in reasons[4]  # counted as Chinese, not as one German word


@needs_ntrex
def test_the_registrys_thresholds_follow_from_real_text() -> None:
    documents = pl.concat(collect_seeds(str(NTREX / f"{code}.jsonl.zst"), code).documents for code in NTREX_LANGUAGES)
    derived = derive_lid_thresholds(documents, LanguageIdentifier().predict)
    assert (derived["passages"] > 500).all()
    assert set(derived["method"]) == {"clean"}
    for row in derived.iter_rows(named=True):
        entry = get_language(row["language"])
        assert (entry.document_threshold, entry.line_threshold) == (row["document_threshold"], row["line_threshold"])


def test_thresholds_from_scores_are_the_median_less_one_standard_deviation_within_bounds() -> None:
    scores = {"a": [0.5, 0.7, 0.9], "b": [0.95, 0.96, 0.97], "c": [0.1, 0.2, 0.3]}
    documents = pl.DataFrame(
        {
            "text": [f"{code}{place} word" for code in scores for place in range(3)],
            "language": ["de"] * 3 + ["sv"] * 3 + ["mt"] * 3,
        }
    )
    told = {
        f"{code}{place}": {language: score}
        for (code, row), language in zip(scores.items(), ["de", "sv", "mt"], strict=True)
        for place, score in enumerate(row)
    }
    derived = derive_score_thresholds(documents, _told(**told))
    assert derived.rows() == [
        ("de", 0.5, "fineweb2", 3),
        ("mt", 0.3, "fineweb2", 3),
        ("sv", 0.9, "fineweb2", 3),
    ]
