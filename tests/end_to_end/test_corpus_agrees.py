"""`xl corpus clean` and the assets are the same functions: the same files and settings give the same decisions."""

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import zstandard

from resources.configured import Workspace
from resources.lake import Lake
from tests.corpus.made_up import BAD, decisions, run, texts
from tests.dirty_corpus import write_dirty_crawl
from tests.end_to_end.world import write_profile
from tests.quality.examples import write_lines
from tests.real_text import needs_ntrex
from xl_assets import outcome
from xl_assets.corpus.models import ModelFiles
from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.partitions import register_languages
from xl_assets.profile import CHECKOUT
from xl_assets.quality import assets as quality_assets
from xl_assets.quality.assets import quality_model
from xl_assets.quality.settings import QualitySettings
from xl_assets.seeds import assets

KEY = ["source", "line"]
DECIDED = [*KEY, "id", "language_declared", "language", "language_score", "kept", "reasons", "cluster"]

#: Not the defaults, so that a setting that only one of the two heeds would show.
SETTINGS = """
[identification]
least_line_share = 0.7

[filters]
sets = ["house", "gopher_quality"]
thresholds = { words = 25 }
duplicates = { jaccard = 0.7 }

[quality]
share = 0.7
shares = { de = 0.5 }
training = { dim = 8, buckets = 2000, least_steps = 4000, held_out = 0.25 }
"""
IDENTIFICATION = IdentificationSettings(least_line_share=0.7)
FILTERS = FilterSettings(
    sets=["house", "gopher_quality"],
    thresholds={"words": 25},
    duplicates={"jaccard": 0.7},
    quality=QualitySettings(0.7, {"de": 0.5}),
)

#: Languages with a quality model, trained by the asset; the others have none.
SCORED = ("de", "en")


def write_mixed(file: Path) -> tuple[str, ...]:
    """Write a corpus of three declared languages with copies, wrong labels and bad lines; returns the languages."""
    languages = ("de", "en", "ga")
    lines: list[str] = []
    for place, language in enumerate(languages):
        found = texts(language, 60)
        wrong = languages[place - 1]
        rows = [{"id": f"{language}{n}", "text": text, "language": language} for n, text in enumerate(found)]
        rows += [{"id": f"{language} copy", "text": found[7] + "!", "language": language}]
        rows += [
            {"id": f"{language} near", "text": found[9] + " Ok", "language": language, "url": "https://a.example/x"}
        ]
        rows += [{"id": f"{language} mail", "text": found[11] + " Mail me: someone@mail.example", "language": language}]
        rows += [{"id": f"{language} wrong", "text": found[13], "language": wrong}]
        rows += [{"id": f"{language} short", "text": "Menu", "language": language}]
        rows += [{"id": f"{language} again", "text": "\n".join(found[:1] * 20), "language": language}]
        lines += [json.dumps(row) for row in rows] + list(BAD)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return languages


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch):
    """Decisions are compared here; drawing what the UI shows would take most of the time."""
    for module in (assets, outcome, quality_assets):
        monkeypatch.setattr(module, "to_png", lambda chart, scale=1.0: b"")


def materialised(folder: Path, corpus: Path, languages: tuple[str, ...]) -> Lake:
    """The seed assets of a corpus of several languages, each partition its language's rows."""
    demo = f'path = "{CHECKOUT}/demo/corpus/{{language}}.jsonl.zst"'
    own = f'path = "{corpus}"\nlanguage_column = "language"\n{SETTINGS}'
    for language in SCORED:
        good, bad = (write_lines(folder / f"{name}.jsonl", found) for name, found in examples(language).items())
        own += f'[quality.sources.{language}]\npositives = "{good}"\nnegatives = "{bad}"\n'
    profile = write_profile(folder, **{"\n[filters]\n": "\n", demo: own})
    instance = dg.DagsterInstance.ephemeral()
    register_languages(instance, list(languages))
    dg.materialize(
        [assets.corpus_files, quality_model, *ASSETS],
        instance=instance,
        resources={"workspace": Workspace(profile=str(profile), lake=str(folder / "lake"))},
        tags={"dagster/asset_partition_range_start": languages[0], "dagster/asset_partition_range_end": languages[-1]},
    )
    return Lake(folder / "lake")


def examples(language: str) -> dict[str, list[str]]:
    """Short and long documents of the demo: so that scores differ among documents that pass the rules."""
    found = sorted(texts(language, 160), key=len)
    return {f"{language}_long": found[80:], f"{language}_short": found[:80]}


def models_of(lake: Lake) -> ModelFiles:
    """The classifiers that the asset trained, as `--quality-model` names them."""
    rows = lake.scan("quality_model").select("language", "file").collect()
    return ModelFiles({language: Path(lake.root) / file for language, file in rows.rows()})


ASSETS = [assets.seed_documents, assets.seed_documents_identified, assets.seed_documents_filtered]


def decisions_of(lake: Lake) -> pl.DataFrame:
    """What the assets' tables say of every record, as rows of ``decisions.parquet``; each bad line once."""
    identified = lake.scan("seed_documents_identified").select(
        *(pl.col("file").alias("source"), "line", pl.col("document_id").alias("id")),
        *(pl.col("language").alias("language_declared"), pl.col("lid_language").alias("language")),
        *(pl.col("lid_score").alias("language_score"), "kept", "reasons"),
    )
    filtered = lake.scan("seed_documents_filtered").select(
        *(pl.col("document_id").alias("id"), pl.col("kept").alias("stays"), pl.col("reasons").alias("told")),
        pl.col("cluster_id").alias("cluster"),
    )
    documents = identified.join(filtered, on="id", how="left", validate="1:1").select(
        *DECIDED[:6],
        pl.coalesce("stays", "kept").alias("kept"),
        pl.coalesce("told", "reasons").alias("reasons"),
        "cluster",
    )
    bad = lake.scan("quarantined_lines").select(
        pl.col("file").alias("source"), "line", kept=pl.lit(False), reasons=pl.concat_list("reason")
    )
    every = pl.concat([documents.collect(), bad.unique(KEY).collect()], how="diagonal")
    return every.select(DECIDED).sort(KEY)


def agree(folder: Path, corpus: Path, languages: tuple[str, ...]) -> pl.DataFrame:
    """Assert that both ways decide the same of every record; returns the decisions."""
    lake = materialised(folder, corpus, languages)
    models = models_of(lake)
    assert set(models.quality) == set(SCORED)
    run(corpus, folder / "cleaned", identification=IDENTIFICATION, filters=FILTERS, batch_rows=37, models=models)
    cleaned = decisions(folder / "cleaned").sort(KEY)
    ours = decisions_of(lake)
    both = ours.join(cleaned, on=KEY, how="full", suffix="_cleaned", nulls_equal=True)
    differing = both.filter(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_cleaned")) for name in ("kept", "reasons", "cluster"))
    )
    assert ours.equals(cleaned), differing
    return cleaned


def test_cleaning_a_corpus_and_materialising_the_assets_decide_the_same_of_every_record(tmp_path):
    languages = write_mixed(tmp_path / "mixed.jsonl")
    found = agree(tmp_path, tmp_path / "mixed.jsonl", languages)
    seen = set(found["reasons"].explode().drop_nulls())
    assert {"wrong_language", "exact_duplicate", "near_duplicate", "too_short", "repetition", "bad_json"} <= seen
    low = found.filter(pl.col("reasons").list.first() == "low_quality")
    assert set(low["language"]) == set(SCORED)
    assert found["kept"].sum() > 100
    assert found.filter("kept")["cluster"].is_not_null().all()


@needs_ntrex
@pytest.mark.parametrize("seed", [3])
def test_they_agree_on_a_dirty_crawl_of_real_text(tmp_path, seed):
    crawl, languages = write_dirty_crawl(tmp_path, seed, documents=400), ("en", "de", "ga", "zh")
    with zstandard.open(crawl.corpus, "rb") as stream:  # reads across frames
        lines = stream.read()
    corpus = tmp_path / "some.jsonl"
    corpus.write_bytes(b"\n".join(line for line in lines.splitlines() if _language(line) in (*languages, None)) + b"\n")
    found = agree(tmp_path, corpus, languages)
    assert set(found["language_declared"].drop_nulls()) == set(languages)
    assert {"wrong_language", "near_duplicate", "bad_utf8"} <= set(found["reasons"].explode().drop_nulls())


def _language(line: bytes) -> str | None:
    """What a line says its language is; None of a line that is no document."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found.get("language") if isinstance(found, dict) else None
