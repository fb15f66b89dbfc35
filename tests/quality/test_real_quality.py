"""Classifiers of real news against what was made of it: passages held out by their document."""

import random

import pytest

from tests.quality.examples import write_lines
from tests.real_text import NTREX, needs_ntrex
from xl_assets.quality.settings import QualityTrainingSettings
from xl_assets.quality.training import train_quality_model
from xl_assets.seeds.readers import collect_seeds

SETTINGS = QualityTrainingSettings(held_out=0.25, split_by="source_id")
LINES = 3


def passages(language: str) -> list[list[str]]:
    """Passages of three lines, a list for each document."""
    documents = collect_seeds(f"{NTREX}/{language}.jsonl.zst", language).documents
    lines = [text.split("\n") for text in documents["text"]]
    return [["\n".join(own[at : at + LINES]) for at in range(0, len(own) - LINES + 1, LINES)] for own in lines]


def out_of_order(text: str, chance: random.Random, separator: str) -> str:
    parts = text.split(separator) if separator else list(text)
    chance.shuffle(parts)
    return separator.join(parts)


def misspelt(text: str, chance: random.Random, separator: str) -> str:
    """Every twelfth letter, about, changes place with the next one."""
    letters = list(text)
    for _ in range(len(letters) // 12):
        at = chance.randrange(len(letters) - 1)
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


@needs_ntrex
@pytest.mark.parametrize(
    ("language", "separator", "spoil", "least"),
    [
        ("de", " ", out_of_order, 0.97),
        ("ga", " ", out_of_order, 0.97),
        ("hi", " ", out_of_order, 0.97),
        ("zh", "", out_of_order, 0.97),
        ("de", " ", misspelt, 0.95),
        ("ga", " ", misspelt, 0.95),
    ],
)
def test_real_news_is_told_from_what_was_made_of_it(tmp_path, language, separator, spoil, least):
    chance, documents = random.Random(1), passages(language)
    spoilt = [[spoil(text, chance, separator) for text in own] for own in documents]
    paths = [
        [write_lines(tmp_path / name / f"{number}.jsonl", own, id=str(number)) for number, own in enumerate(texts)]
        for name, texts in (("good", documents), ("bad", spoilt))
    ]
    model = train_quality_model(paths[0], paths[1], SETTINGS, language=language, folder=tmp_path / "models")
    assert model.metrics.roc_auc > least
    assert model.metrics.calibration_error < 0.1
