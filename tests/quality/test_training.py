"""Classifiers: the same examples give the same bytes, and the figures are of examples that were not trained on."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.quality.conftest import SMALL
from tests.quality.examples import menus, news, write_lines
from xl_assets.languages import UnknownLanguage
from xl_assets.quality.examples import ExampleSource, read_examples
from xl_assets.quality.settings import HIGH, LOW, QualityError, QualityTrainingSettings
from xl_assets.quality.training import train_quality_model
from xl_assets.seeds.sources import SeedError


def test_news_and_menus_are_told_apart(trained):
    figures = trained.model.metrics.figures()
    assert figures["roc_auc"] > 0.95
    assert figures["accuracy"] > 0.9
    assert set(figures) == {
        "accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "brier", "calibration_error",
    }  # fmt: skip


def test_the_same_examples_give_the_same_bytes_whatever_their_order_and_files(trained, tmp_path):
    texts = news(200)
    numbered = list(enumerate(texts))
    for name, part in {"b": numbered[120:], "a": numbered[:120]}.items():
        lines = [json.dumps({"id": str(number), "text": text, "license": "CC0-1.0"}) for number, text in part[::-1]]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    paths = [str(tmp_path / f"{name}.jsonl") for name in "ab"]
    again = train_quality_model(paths, trained.negatives, SMALL, language="en", folder=tmp_path / "models")
    assert again.file.read_bytes() == trained.model.file.read_bytes()
    assert again.metrics.figures() == trained.model.metrics.figures()


def test_a_small_model_without_n_grams_has_the_same_bytes_every_time(trained, tmp_path):
    settings = replace(SMALL, word_ngrams=1, dim=2)
    made = {
        train_quality_model(trained.positives, trained.negatives, settings, language="en", folder=tmp_path).sha256
        for _ in range(3)
    }
    assert len(made) == 1


def test_a_model_is_named_by_its_content_and_comes_with_a_card(trained):
    model = trained.model
    assert sha256(model.file.read_bytes()).hexdigest() == model.sha256
    assert model.file.stem == model.sha256[:32]
    card = json.loads(model.file.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["sha256"] == model.sha256
    assert card["settings_hash"] == SMALL.hash
    assert card["inputs"][HIGH]["licenses"] == ["CC0-1.0"]
    assert card["inputs"][LOW]["licenses"] == ["not stated"]
    assert set(card["labels"]) == {HIGH, LOW}
    assert str(trained.folder) not in json.dumps(card)


def test_other_settings_and_a_quantised_model_give_other_files(trained, tmp_path):
    made = {
        train_quality_model(trained.positives, trained.negatives, settings, language="en", folder=tmp_path).file.name
        for settings in (replace(SMALL, seed=2), replace(SMALL, loss="ova"), replace(SMALL, quantize=True))
    }
    assert len(made | {trained.model.file.name}) == 4
    assert sum(name.endswith(".ftz") for name in made) == 1


def examples(tmp_path, high, low, settings=SMALL):
    sources = (write_lines(tmp_path / f"{name}.jsonl", texts) for name, texts in (("high", high), ("low", low)))
    return read_examples(*(ExampleSource((path,)) for path in sources), "en", settings)


def test_classes_are_equally_many_on_both_sides_and_no_text_is_on_both(tmp_path):
    found = examples(tmp_path, news(90), menus(300))
    sizes = found.frame.group_by("held_out", "class").len().sort("held_out", "class")["len"].to_list()
    assert sizes[0] == sizes[1] > 0
    assert sizes[2] == sizes[3] > 0
    assert found.frame["text"].is_unique().all()


def test_repeats_empty_texts_and_texts_of_both_classes_are_no_examples(tmp_path):
    both = "This text is said to be good and bad."
    found = examples(tmp_path, [*news(90), *news(90), both, "", "..."], [*menus(90), both.upper()])
    assert found.ambiguous == 1
    assert found.counts[HIGH].read == 183
    assert found.counts[HIGH].distinct == 91
    assert both.lower() not in found.frame["text"].to_list()


def test_a_sample_is_by_hash_so_a_larger_one_holds_a_smaller_one(tmp_path):
    small, large = (
        set(examples(tmp_path, news(200), menus(200), replace(SMALL, most=most)).frame["key"]) for most in (100, 150)
    )
    assert small < large


def test_examples_made_of_one_document_stay_on_one_side_of_the_split(tmp_path):
    settings = replace(SMALL, split_by="source_id")
    frame = examples(tmp_path, news(200), [text.upper()[::-1] for text in news(200)], settings).frame
    sides = dict(frame.select("text", "held_out").rows())
    pairs = [(side, sides[text[::-1]]) for text, side in sides.items() if text[::-1] in sides and text[0] == "."]
    assert len(pairs) > 100
    assert all(one == other for one, other in pairs)


def test_too_few_examples_are_an_error_with_the_remedy(tmp_path):
    with pytest.raises(QualityError, match="Name more documents"):
        examples(tmp_path, news(20), menus(20))


def test_a_source_that_is_not_there_is_named(trained, tmp_path):
    with pytest.raises(SeedError, match="nowhere"):
        train_quality_model("nowhere.jsonl", trained.negatives, SMALL, language="en", folder=tmp_path)


def test_a_language_that_the_registry_does_not_hold_is_refused(trained, tmp_path):
    with pytest.raises(UnknownLanguage):
        train_quality_model(trained.positives, trained.negatives, SMALL, language="../x", folder=tmp_path)


def test_what_fasttext_cannot_train_with_is_told_with_the_remedy(trained, tmp_path):
    with pytest.raises(QualityError, match=r"Encountered NaN.*lower learning_rate"):
        train_quality_model(
            trained.positives, trained.negatives, replace(SMALL, learning_rate=1e30), language="en", folder=tmp_path
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"held_out": 0.0}, {"split_by": "text"}, {"loss": "hs"}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(QualityError, match=next(iter(wrong))):
        QualityTrainingSettings(**wrong)
