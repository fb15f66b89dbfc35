"""One small trained classifier for all tests of this folder."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.quality.examples import menus, news, write_lines
from xl_assets.quality.settings import QualityTrainingSettings
from xl_assets.quality.training import QualityModel, train_quality_model

#: Small enough to train in a second.
SMALL = QualityTrainingSettings(dim=8, buckets=2_000, least_steps=4_000, held_out=0.25)


class Trained(NamedTuple):
    model: QualityModel
    positives: str
    negatives: str
    folder: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp("quality")
    positives = write_lines(folder / "news.jsonl", news(200), license="CC0-1.0")
    negatives = write_lines(folder / "menus.jsonl", menus(260))
    model = train_quality_model(positives, negatives, SMALL, language="en", folder=folder / "models")
    return Trained(model, positives, negatives, folder)
