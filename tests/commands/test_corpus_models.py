"""`xl corpus clean` with thresholds, models and a profile of one's own: each counts, and what is wrong is told."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.commands.conftest import Done
from tests.corpus.made_up import texts
from tests.end_to_end.world import write_profile
from tests.filters.test_perplexity import write_arpa
from tests.quality.examples import menus, news, write_lines
from xl_assets.quality.settings import QualityTrainingSettings
from xl_assets.quality.training import train_quality_model

#: Texts of the demo without the faults that are planted there.
TEXTS = [text for text in texts("en", 70) if len(text) > 80 and " the " in text][:60]

SMALL = QualityTrainingSettings(dim=8, buckets=2_000, least_steps=4_000, held_out=0.25)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    good, bad = write_lines(folder / "news.jsonl", news(200)), write_lines(folder / "menus.jsonl", menus(200))
    return train_quality_model(good, bad, SMALL, language="en", folder=folder / "models").file


@pytest.fixture(autouse=True)
def _corpus(tmp_path, monkeypatch) -> None:
    """A corpus of English texts, one of them twice."""
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "corpus.jsonl", [*TEXTS, TEXTS[0] + "!"], language="en")


@pytest.fixture
def clean(xl) -> Callable[..., Done]:
    def call(*options: object, out: str = "out", workers: int = 1) -> Done:
        return xl("corpus", "clean", "corpus.jsonl", "--out", out, "--workers", workers, *options)

    return call


def decisions(out: str = "out") -> pl.DataFrame:
    return pl.read_parquet(f"{out}/decisions.parquet")


def rejected_for(reason: str, out: str = "out") -> int:
    return decisions(out).filter(pl.col("reasons").list.contains(reason)).height


def profile_with(folder: Path, section: str) -> Path:
    profile = write_profile(folder)
    profile.write_text(f"{profile.read_text(encoding='utf-8')}\n{section}", encoding="utf-8")
    return profile


def test_a_threshold_is_stronger_than_the_registrys_and_the_profiles(clean, tmp_path):
    assert clean("--threshold", "words=10000").code == 0
    assert rejected_for("too_short") == 61
    profile = write_profile(tmp_path, **{"[filters]\n": "[filters]\nthresholds = { words = 10000 }\n"})
    assert clean("--profile", profile, "--threshold", "words=5", out="again").code == 0
    assert rejected_for("too_short", "again") == 0


@pytest.mark.parametrize("duplicates", ["--duplicates", "--no-duplicates"])
def test_the_best_share_is_kept_of_what_no_duplicate_replaces(clean, classifier, duplicates):
    assert clean(duplicates, out="all").code == 0
    assert clean(duplicates, "--quality-model", f"en={classifier}", "--quality-share", 0.5).code == 0
    everything, kept = (decisions(out)["kept"].sum() for out in ("all", "out"))
    assert rejected_for("exact_duplicate") == (duplicates == "--duplicates")
    # A copy that is dropped as such may be of low quality, too.
    low = decisions().filter(pl.col("reasons").list.first() == "low_quality").height
    assert (kept, low) == (math.ceil(everything / 2), everything // 2)


def test_models_are_loaded_in_worker_processes_and_change_no_byte_there(clean, classifier):
    options = ("--quality-model", f"en={classifier}", "--quality-share", 0.3)
    for workers in (1, 2):
        assert clean(*options, out=f"out{workers}", workers=workers).code == 0
    first, second = (Path(f"out{workers}/decisions.parquet").read_bytes() for workers in (1, 2))
    assert first == second


def test_a_moved_model_is_the_same_and_another_one_is_refused(clean, classifier):
    Path("moved.bin").write_bytes(classifier.read_bytes())
    assert clean("--quality-model", f"en={classifier}").code == 0
    assert clean("--quality-model", "en=moved.bin").code == 0
    done = clean("--quality-model", f"de={classifier}")
    assert done.code == 1
    assert "was made with other scoring models" in done.err


def test_the_share_of_a_profile_counts_and_is_told_where_nothing_scores(clean, classifier, tmp_path):
    profile = profile_with(tmp_path, "[quality]\nshare = 0.1\nshares = { en = 0.25 }\n")
    assert clean("--profile", profile, "--quality-model", f"en={classifier}").code == 0
    done = clean("--profile", profile, out="unscored")
    assert done.code == 0
    assert "--quality-model CODE=PATH" in done.err
    assert rejected_for("low_quality", "unscored") == 0
    assert decisions()["kept"].sum() == math.ceil(decisions("unscored")["kept"].sum() / 4)


def test_the_language_models_of_a_profile_measure_perplexity_where_a_rule_asks(clean, tmp_path):
    pytest.importorskip("kenlm")
    write_arpa(tmp_path / "en.arpa")
    profile = profile_with(tmp_path, '[quality.perplexity.en]\nmodel = "en.arpa"\n')
    asked = ("--profile", profile, "--rules", "perplexity", "--threshold", "perplexity=1")
    assert clean(*asked).code == 0
    assert rejected_for("perplexity") == 61
    assert clean(*asked, "--language", "de", out="german").code == 0
    assert rejected_for("perplexity", "german") == 0
    (tmp_path / "en.arpa").unlink()
    assert "no file" in clean(*asked, out="gone").err
    assert clean("--profile", profile, out="unasked").code == 0


def test_lists_of_a_profile_lie_beside_it(clean, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "optout.txt").write_text("site3.example\n", encoding="utf-8")
    lists = '[filters]\ncompliance = { opt_out = ["optout.txt"] }\n'
    profile = write_profile(tmp_path / "mine", **{"[filters]\n": lists})
    rows = [{"text": text, "language": "en", "url": f"https://site{n}.example/p"} for n, text in enumerate(TEXTS[:6])]
    Path("corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert clean("--profile", profile).code == 0
    assert rejected_for("opted_out") == 1


#: What is asked -> what the line says.
MISTAKES = {
    ("--threshold", "words"): "give a name and a value, e.g. --threshold words=50",
    ("--threshold", "words=many"): "'many' is no number",
    ("--threshold", "words=nan"): "'nan' is no number",
    ("--threshold", "words=1", "--threshold", "words=2"): "words is given twice",
    ("--threshold", "wurds=1"): "no rule is called wurds",
    ("--quality-model", "gone.bin"): "e.g. --quality-model de=models/de.bin",
    ("--quality-model", "en=gone.bin"): "the quality model of en: there is no file gone.bin",
    ("--quality-model", "en=corpus.jsonl"): "corpus.jsonl is no fastText model",
    ("--quality-model", "english=corpus.jsonl"): "Did you mean 'en'?",
    ("--quality-share", 0.5): "name what scores, --quality-model CODE=PATH",
    ("--quality-model", "en=corpus.jsonl", "--quality-share", 2): "give one above 0 and at most 1",
}


@pytest.mark.parametrize("asked", MISTAKES)
def test_a_wrong_option_is_one_line_with_the_remedy_and_makes_nothing(clean, asked):
    done = clean(*asked)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert MISTAKES[asked] in done.err
    assert not Path("out").exists()
