"""The language identification model: where it comes from, what it answers, and that a copy of it answers the same."""

import pickle
import struct
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from resources.language_identifier import HUB_MODELS, IdentifierError, LanguageIdentifier
from tests.fasttext.models import trained
from xl_assets.filters.language_id import identify
from xl_assets.native.columns import utf8

GERMAN = "Der Hund schläft heute im Garten, weil die Sonne scheint."
ENGLISH = "The dog is sleeping in the garden today because the sun shines."
HOSTILE = f"{ENGLISH}\n\r\x00\u2028{ENGLISH}"


def test_the_shipped_model_names_itself_and_reads_any_text() -> None:
    identifier = LanguageIdentifier()
    assert identifier.fingerprint.startswith("8f3472cfe873")
    assert identifier.name == "lid.176.ftz@8f3472cfe873" == LanguageIdentifier("lid.176").name
    found = identifier.predict(pl.Series([GERMAN, HOSTILE, "", None, "\ud7ff🙂"]))
    assert found["labels"].list.first().to_list()[:2] == ["de", "en"]
    assert found["scores"].explode().is_between(0, 1).all()
    assert all(len(row) <= identifier.top for row in found["labels"])


def test_both_engines_give_the_same_answers() -> None:
    texts = pl.Series([GERMAN, HOSTILE, "", None, "猫住在森林里", "</s> der Hund", "__label__de cat"])
    ours, stock = (LanguageIdentifier(engine=engine).predict(texts) for engine in ("cached", "stock"))
    assert ours["labels"].to_list() == stock["labels"].to_list()
    np.testing.assert_allclose(ours["scores"].explode(), stock["scores"].explode(), atol=1e-5)
    assert LanguageIdentifier(engine="stock").score_lines(utf8(texts), np.ones(9, dtype=bool)) is None


def test_lists_are_answered_as_columns_are() -> None:
    identifier = LanguageIdentifier(top=2)
    labels, scores = identifier.predict_batch([GERMAN, ENGLISH])
    found = identifier.predict(pl.Series([GERMAN, ENGLISH]))
    assert (labels, scores) == (found["labels"].to_list(), found["scores"].to_list())
    assert identifier.predict_batch([]) == ([], [])


def test_labels_of_other_models_become_the_registrys_codes() -> None:
    identifier = LanguageIdentifier()
    codes = {"deu_Latn": "de", "cmn_Hani": "zh", "zho_Hant": "zh", "gle_Latn": "ga", "de": "de"}
    codes |= {"swe_Latn": "sv", "arb_Arab": "ar", "als_Latn": "sq", "als": "als", "tlh_Latn": "tlh_Latn"}
    for label, code in codes.items():
        assert identifier._code(f"__label__{label}") == code


def test_labels_of_one_language_add_up_in_a_model_of_ones_own(tmp_path: Path) -> None:
    examples = tmp_path / "examples.txt"
    examples.write_text("__label__cmn_Hani a b\n__label__zho_Hant a b\n__label__eng_Latn c d\n" * 200)
    import fasttext

    model = fasttext.train_supervised(str(examples), dim=6, epoch=2, thread=10, verbose=0)
    model.save_model(str(tmp_path / "model.bin"))
    frame = pl.DataFrame({"text": ["a b"], "language": ["zh"]})
    row = identify(frame, "text", LanguageIdentifier(tmp_path / "model.bin").predict).to_dicts()[0]
    (labels,), (scores,) = model.predict(["a b"], k=3)
    both = sum(score for label, score in zip(labels, scores, strict=True) if label != "__label__eng_Latn")
    assert row["lid_language"] == "zh"
    assert row["language_score"] == pytest.approx(min(both, 1.0), abs=1e-4)


def test_a_copy_in_another_process_answers_the_same() -> None:
    identifier = LanguageIdentifier()
    texts = pl.Series([GERMAN, ENGLISH] * 20)
    expected = identifier.predict(texts)
    assert pickle.loads(pickle.dumps(identifier)).predict(texts).equals(expected)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(identifier.predict, texts).result().equals(expected)


def test_a_missing_or_wrong_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IdentifierError, match=r"no language identification model .*give the path.*glotlid"):
        LanguageIdentifier(tmp_path / "nope.bin").predict_batch(["a"])
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"no model")
    for engine in ("cached", "stock"):
        with pytest.raises(IdentifierError, match="is no fastText model"):
            LanguageIdentifier(wrong, engine=engine).predict_batch(["a"])


def test_a_format_that_only_the_library_reads_is_left_to_it(tmp_path: Path) -> None:
    path, own = trained(tmp_path)
    older = bytearray(path.read_bytes())
    struct.pack_into("<i", older, 4, 11)
    path.write_bytes(older)
    identifier = LanguageIdentifier(path)
    assert identifier.predict_batch(["the dog sleeps"])[0][0][0] == own.predict(["the dog sleeps"])[0][0][0][9:]
    assert identifier.score_lines(utf8(pl.Series(["a"])), np.zeros(1, dtype=bool)) is None


@pytest.mark.parametrize("name", HUB_MODELS)
def test_a_named_model_that_cannot_be_downloaded_asks_for_a_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(repository: str, file: str) -> str:
        raise OSError(f"no network for {repository}/{file}")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(IdentifierError, match=f"the model {name} .*no network.*give its path"):
        LanguageIdentifier(name).predict_batch(["a"])


def test_a_named_model_is_the_file_that_the_hub_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    shipped = LanguageIdentifier().path
    files = {("cis-lmu/glotlid", "model.bin"): str(shipped)}
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *asked: files[asked])
    assert LanguageIdentifier("glotlid").path == shipped
