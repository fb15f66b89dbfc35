"""What a profile says of its corpora, lists and models decides the tables, and what changes makes them stale."""

import json

import dagster as dg
import polars as pl
import pytest

from resources.configured import Workspace
from resources.lake import Lake
from resources.outside import OutsideVersions
from tests.assets.test_seed_assets import message, profile_with, run_seeds
from tests.corpus.made_up import run, texts, write_corpus
from tests.end_to_end.world import write_profile
from tests.filters.test_perplexity import write_arpa
from xl_assets import outcome
from xl_assets.filters.compliance import ComplianceSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.partitions import register_languages
from xl_assets.profile import Profile, ProfileError, load_profile
from xl_assets.seeds import assets
from xl_assets.settings import settings_of


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch):
    """Drawing what the UI shows would take most of the time."""
    for module in (assets, outcome):
        monkeypatch.setattr(module, "to_png", lambda chart, scale=1.0: b"")


def read(profile, lake) -> pl.DataFrame:
    """The documents that seed_documents reads of Irish."""
    instance = dg.DagsterInstance.ephemeral()
    register_languages(instance, ["ga"])
    workspace = Workspace(profile=str(profile), lake=str(lake))
    made = [assets.corpus_files, assets.seed_documents]
    assert dg.materialize(made, instance=instance, resources={"workspace": workspace}, partition_key="ga").success
    return Lake(lake).scan("seed_documents").collect()


def seeded(folder, corpus: str, **fields: object):
    """A profile whose corpus has further fields."""
    profile = profile_with(folder, corpus)
    more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    line = f'path = "{corpus}"\n'
    profile.write_text(profile.read_text(encoding="utf-8").replace(line, line + more), encoding="utf-8")
    return profile


def stale(profile, lake, table: str, source: str) -> bool:
    """Whether an outside input of a table's Irish partition is another now than its record says."""
    noted = {v.table: v for v in Lake(lake).current(table)["ga"].inputs}[source]
    now = OutsideVersions(Workspace(profile=str(profile), lake=str(lake)))(source, noted.partition)
    return now != noted.content_hash


def test_a_corpus_of_a_published_layout_is_read_by_its_name(tmp_path):
    rows = [{"content": text, "metadata": {"identification": {"label": "ga"}}} for text in texts("ga", 5)]
    (tmp_path / "ga.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = read(seeded(tmp_path, f"{tmp_path}/ga.jsonl", layout="oscar"), tmp_path / "lake")
    assert sorted(found["text"]) == sorted(texts("ga", 5))


def test_a_sample_and_plain_text_are_read_as_the_profile_says_by_any_number_of_readers(tmp_path):
    (tmp_path / "corpus").mkdir()
    for part in range(2):
        lines = [f"{text} {part}".replace("\n", " ") for text in texts("ga", 60)]
        (tmp_path / "corpus" / f"{part}.txt").write_text("\n\n".join(lines), encoding="utf-8")
    corpus = f"{tmp_path}/corpus"
    whole = read(seeded(tmp_path, corpus, text_unit="block"), tmp_path / "whole")
    some = read(seeded(tmp_path, corpus, text_unit="block", sample=0.5, readers=2), tmp_path / "some")
    assert whole.height == 120
    assert 30 < some.height < 90
    assert set(some["document_id"]) < set(whole["document_id"])
    funnel = Lake(tmp_path / "some").current("seed_documents")["ga"].facts["funnel"]
    assert funnel["in"] == funnel["kept"] + sum(funnel["rejected"].values()) == 120
    assert funnel["rejected"] == {"sampled_out": 120 - some.height}


@pytest.mark.parametrize(
    ("field", "value", "changes"),
    [
        ("layout", "fineweb", True),
        ("sample", 0.5, True),
        ("text_unit", "line", True),
        ("license", "CC0-1.0", True),
        ("columns", None, True),
        ("readers", 2, False),
    ],
)
def test_how_a_corpus_is_read_makes_its_documents_stale_but_not_how_fast(tmp_path, field, value, changes):
    (tmp_path / "ga.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts("ga", 5)))
    corpus, lake = f"{tmp_path}/ga.jsonl", tmp_path / "lake"
    profile = seeded(tmp_path, corpus)
    read(profile, lake)
    assert not stale(profile, lake, "seed_documents", "source:seed_source")
    if field == "columns":
        line = f'path = "{corpus}"\n'
        mapped = profile.read_text(encoding="utf-8").replace(line, f'{line}columns = {{ source_id = "nr" }}\n')
        profile.write_text(mapped, encoding="utf-8")
    else:
        profile = seeded(tmp_path, corpus, **{field: value})
    assert stale(profile, lake, "seed_documents", "source:seed_source") == changes
    assert not stale(profile, lake, "seed_documents", "source:corpus_files")


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"sample": 2}, "sample"), ({"text_unit": "page"}, "text_unit"), ({"readers": 0}, "readers")],
)
def test_a_wrong_field_of_a_corpus_is_named(tmp_path, fields, told):
    with pytest.raises(ProfileError, match=told):
        load_profile(str(seeded(tmp_path, "corpus.jsonl", **fields)))


def test_an_unknown_layout_is_told_with_those_there_are(tmp_path):
    (tmp_path / "ga.jsonl").write_text('{"text": "Dia duit"}\n')
    result = run_seeds(seeded(tmp_path, f"{tmp_path}/ga.jsonl", layout="fineweb9"), tmp_path / "lake", "ga")
    assert "no layout 'fineweb9'; shipped are hplt1" in message(result)


def test_a_changed_language_model_makes_the_filtered_documents_stale(tmp_path):
    pytest.importorskip("kenlm")
    rows = "".join(json.dumps({"text": text}) + "\n" for text in texts("ga", 20))
    (tmp_path / "ga.jsonl").write_text(rows, encoding="utf-8")
    write_arpa(tmp_path / "ga.arpa")
    profile, lake = profile_with(tmp_path, f"{tmp_path}/ga.jsonl"), tmp_path / "lake"
    asked = '[filters]\nsets = ["perplexity"]\nthresholds = { perplexity = 1 }\n'
    text = profile.read_text(encoding="utf-8").replace("[filters]\n", asked)
    named = '\n[quality.perplexity.ga]\nmodel = "ga.arpa"\n'
    profile.write_text(text + named, encoding="utf-8")
    run_seeds(profile, lake, "ga")
    found = Lake(lake).scan("seed_documents_filtered").collect()
    assert found["reasons"].list.contains("perplexity").all()
    asked_of = ("seed_documents_filtered", "source:perplexity_model")
    assert not stale(profile, lake, *asked_of)
    write_arpa(tmp_path / "ga.arpa", ["tá an cat ar an mata .", "tá an madra ar an mata ."])
    assert stale(profile, lake, *asked_of)
    profile.write_text(text, encoding="utf-8")
    assert stale(profile, lake, *asked_of)


def test_lists_are_placed_below_the_profiles_folder(tmp_path):
    lists = 'compliance = { opt_out = "out.txt", blocked = ["a.txt", "/b.txt"], toxic_words = { ga = "ga.txt" } }\n'
    profile: Profile = load_profile(str(write_profile(tmp_path, **{"[filters]\n": f"[filters]\n{lists}"})))
    assert settings_of(profile, "filters").compliance == ComplianceSettings(
        opt_out=(f"{tmp_path}/out.txt",),
        blocked=(f"{tmp_path}/a.txt", "/b.txt"),
        toxic_words={"ga": f"{tmp_path}/ga.txt"},
    )


def test_duplicates_across_languages_are_refused_before_anything_is_read_with_the_way_to_find_them(tmp_path):
    across = {"[filters]\n": "[filters]\nduplicates = { across_languages = true }\n"}
    result = run_seeds(write_profile(tmp_path, **across), tmp_path / "lake", "ga")
    assert not result.success
    assert "--across-languages" in message(result)
    assert not Lake(tmp_path / "lake").exists("seed_documents")


def test_a_corpus_cleaned_across_languages_is_a_seed_corpus_of_each(tmp_path):
    write_corpus(tmp_path / "mixed.jsonl", each=12)
    run(tmp_path / "mixed.jsonl", tmp_path / "out", filters=FilterSettings(duplicates={"across_languages": True}))
    cleaned = pl.read_parquet(tmp_path / "out" / "documents" / "*.parquet").filter(language="ga")
    profile = seeded(tmp_path, f"{tmp_path}/out/documents", language_column="language")
    found = read(profile, tmp_path / "lake")
    assert found.height > 10
    assert sorted(found["text"]) == sorted(cleaned["text"])
    assert sorted(found["source_id"]) == sorted(cleaned["id"])
