"""The page on quality models: its example runs as it stands, and its profile section loads."""

import random
import re
from pathlib import Path

from tests.end_to_end.world import write_profile
from tests.quality.examples import news, write_lines
from xl_assets.profile import CHECKOUT, load_profile
from xl_assets.settings import settings_of

PAGE = (CHECKOUT / "docs" / "quality_models.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def corrupted(texts: list[str]) -> list[str]:
    """The same words out of order."""
    chance = random.Random(3)
    return [" ".join(chance.sample(text.split(), len(text.split()))) for text in texts]


def test_the_example_runs_and_keeps_the_good_half(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good = news(300)
    write_lines(Path("news.jsonl"), good)
    write_lines(Path("corrupted.jsonl"), corrupted(good))
    fresh = news(20, seed=9)
    write_lines(Path("crawl.jsonl"), [*fresh, *corrupted(fresh)])
    found: dict = {}
    exec(compile(block("python"), "quality_models.md", "exec"), found)
    assert found["model"].metrics.roc_auc > 0.95
    kept = found["selected"].filter("kept")["text"].to_list()
    assert len(kept) == 20
    assert len(set(kept) & set(fresh)) >= 18
    assert "roc_auc" in capsys.readouterr().out


def test_the_profile_section_loads_as_the_page_says(tmp_path):
    file = write_profile(tmp_path)
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{block('toml')}", encoding="utf-8")
    profile = load_profile(str(file))
    assert settings_of(profile, "quality").share_of("de") == 0.1
    assert settings_of(profile, "quality").share_of("mt") == 0.5
    assert settings_of(profile, "quality_training").word_ngrams == 2
    assert profile.quality_source("de").positives == [f"{tmp_path}/examples/de/good.jsonl.zst"]
    assert profile.quality_source("ga") is None
    assert profile.perplexity_source("de").model == f"{tmp_path}/lm/de.arpa.bin"
