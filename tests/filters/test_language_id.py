"""Identification with a model that says what it is told, and with the real one."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from resources.language_identifier import IdentifierError, LanguageIdentifier
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.language_id import IdentificationSettings, identify, identify_documents
from xl_assets.filters.thresholds import derive_lid_thresholds
from xl_assets.languages import UnknownLanguage, get_language
from xl_assets.seeds.readers import collect_seeds

GERMAN = "Der Hund schläft heute im Garten, weil die Sonne scheint."
ENGLISH = "The dog is sleeping in the garden today because the sun shines."


def _told(**scores: dict[str, float]):
    """Predicts what is told for texts that begin with a word."""

    def predict(texts: Sequence[str]):
        found = [sorted(scores[text.split()[0]].items(), key=lambda item: -item[1]) for text in texts]
        return [[label for label, _ in row] for row in found], [[score for _, score in row] for row in found]

    return predict


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
    def predict(texts: Sequence[str]):
        return [["ja", "zh", "zh"]] * len(texts), [[0.4, 0.35, 0.3]] * len(texts)

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
    def predict(texts: Sequence[str]):
        assert not texts
        return [], []

    row = _judged(text, "de", predict)
    assert row["reasons"] == ["unsure_language"]
    assert row["lid_language"] is row["lid_score"] is row["script_share"] is None


def test_an_unregistered_code_is_refused() -> None:
    with pytest.raises(UnknownLanguage, match="xx"):
        _judged("word", "xx", _told(word={"de": 1.0}))


def test_earlier_reasons_stay_and_eager_and_lazy_agree() -> None:
    frame = pl.DataFrame(
        {"answer": [GERMAN, ENGLISH], "wanted": ["de", "de"], "kept": [False, True], "reasons": [["low"], []]},
        schema_overrides={"reasons": pl.List(pl.String)},
    )
    identifier = LanguageIdentifier()
    eager = identify(frame, "answer", identifier.predict_batch, language="wanted")
    assert eager["reasons"].to_list() == [["low"], ["wrong_language"]]
    assert eager["kept"].to_list() == [False, False]
    assert set(eager["lid_model"]) == {identifier.name}
    lazy = identify(frame.lazy(), "answer", identifier.predict_batch, language="wanted")
    assert lazy.collect().equals(eager)


def test_no_rows_in_no_rows_out() -> None:
    frame = pl.DataFrame(schema={"text": pl.String, "language": pl.String})
    assert identify(frame, "text", LanguageIdentifier().predict_batch).is_empty()


def test_stubs_symbols_and_repetition_say_so_beside_the_guess_at_their_language() -> None:
    texts = [
        "Cookies",
        "### ||| $$$ " * 40,
        f"{ENGLISH}\n" * 12,
        ENGLISH * 3,
        "猫住在森林里，它每天吃苹果，晚上唱歌。" * 3,
    ]
    documents = pl.DataFrame({"text": texts}).with_columns(language=pl.lit("de"))
    found = identify_documents(documents, LanguageIdentifier().predict_batch)
    reasons = found["reasons"].to_list()
    assert "too_short" in reasons[0]
    assert "symbols" in reasons[1]
    assert reasons[2] == ["wrong_language", "repetition"]
    assert "too_short" not in reasons[3]
    assert "too_short" not in reasons[4]  # counted as Chinese, not as one German word


def test_the_shipped_model_names_itself_and_reads_any_text() -> None:
    identifier = LanguageIdentifier()
    assert identifier.fingerprint.startswith("8f3472cfe873")
    assert identifier.name == "lid.176.ftz@8f3472cfe873"
    labels, scores = identifier.predict_batch([GERMAN, f"{ENGLISH}\n\r\x00\u2028{ENGLISH}", "", "\ud7ff🙂"])
    assert [row[0] for row in labels[:2]] == ["de", "en"]
    assert all(0 <= score <= 1 for row in scores for score in row)
    assert all(len(row) <= identifier.top for row in labels)


def test_labels_of_other_models_become_the_registrys_codes() -> None:
    codes = LanguageIdentifier()._codes
    for label, code in {"deu_Latn": "de", "cmn_Hani": "zh", "zho_Hant": "zh", "gle_Latn": "ga", "de": "de"}.items():
        assert codes[f"__label__{label}"] == code


def test_a_missing_or_wrong_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IdentifierError, match=r"no language identification model .*give the path"):
        LanguageIdentifier(tmp_path / "nope.bin").predict_batch(["a"])
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"no model")
    with pytest.raises(IdentifierError, match="is no fastText model"):
        LanguageIdentifier(wrong).predict_batch(["a"])


@needs_ntrex
def test_the_registrys_thresholds_follow_from_real_text() -> None:
    documents = pl.concat(collect_seeds(str(NTREX / f"{code}.jsonl.zst"), code).documents for code in NTREX_LANGUAGES)
    derived = derive_lid_thresholds(documents, LanguageIdentifier().predict_batch)
    assert derived["passages"].min() > 500
    for row in derived.iter_rows(named=True):
        entry = get_language(row["language"])
        assert (entry.document_threshold, entry.line_threshold) == (row["document_threshold"], row["line_threshold"])
