"""The seed assets as Dagster runs them, on bad input: each a clear error, nothing half done."""

import gzip
import json

import dagster as dg
import polars as pl
import pytest

from resources.configured import Workspace
from resources.lake import LANGUAGE, Lake, Partition
from resources.outside import OutsideVersions
from tests.corpus.made_up import texts
from tests.end_to_end.world import write_profile
from tests.quality.examples import menus, news, write_lines
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets import outcome
from xl_assets.partitions import register_languages
from xl_assets.profile import CHECKOUT
from xl_assets.quality.assets import quality_model
from xl_assets.seeds import assets

ASSETS = [
    quality_model,
    assets.seed_documents,
    assets.seed_documents_identified,
    assets.seed_documents_filtered,
    assets.seed_passages,
]


@pytest.fixture(autouse=True)
def _pictures_only_where_they_are_looked_at(request, monkeypatch):
    """Drawing what the UI shows would take most of the other tests' time."""
    if request.function is not test_the_ui_shows_histograms_the_reason_table_and_where_thresholds_came_from:
        for module in (assets, outcome):
            monkeypatch.setattr(module, "to_png", lambda chart, scale=1.0: b"")


def run_seeds(profile, lake, *languages: str) -> dg.ExecuteInProcessResult:
    """Materialise the seed assets of languages; returns Dagster's result."""
    instance = dg.DagsterInstance.ephemeral()
    register_languages(instance, list(languages))
    return dg.materialize(
        [assets.corpus_files, *ASSETS],
        instance=instance,
        resources={"workspace": Workspace(profile=str(profile), lake=str(lake))},
        tags={"dagster/asset_partition_range_start": languages[0], "dagster/asset_partition_range_end": languages[-1]},
        raise_on_error=False,
    )


def profile_with(folder, corpus: str):
    return write_profile(folder, **{f'path = "{CHECKOUT}/demo/corpus/{{language}}.jsonl.zst"': f'path = "{corpus}"'})


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    """What the UI shows of an asset's only partition."""
    events = [e for e in result.get_asset_materialization_events() if e.asset_key.to_user_string() == asset]
    return dict(events[-1].step_materialization_data.materialization.metadata)


def message(result: dg.ExecuteInProcessResult) -> str:
    error = result.get_step_failure_events()[0].step_failure_data.error
    while error.cause:
        error = error.cause
    return error.message


def test_the_demo_corpus_passes_and_every_line_is_accounted_for(tmp_path):
    result = run_seeds(write_profile(tmp_path), tmp_path / "lake", "ga", "mt")
    assert result.success
    for record in Lake(tmp_path / "lake").current("seed_documents").values():
        funnel = record.facts["funnel"]
        assert funnel["in"] == funnel["kept"] + sum(funnel["rejected"].values()) == 376
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())


def test_each_partition_has_its_content_hash_as_data_version(tmp_path):
    result = run_seeds(write_profile(tmp_path), tmp_path / "lake", "ga", "mt")
    records = Lake(tmp_path / "lake").current("seed_passages")
    versions = {
        event.partition: event.step_materialization_data.materialization.tags["dagster/data_version"]
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == "seed_passages"
    }
    assert versions == {language: record.content_hash for language, record in records.items()}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing.jsonl", None, "does not exist"),
        ("empty.jsonl", b"", "empty"),
        ("other.jsonl", b'{"body": "a text"}\n', "text"),
        ("notes.docx", b"hello\n", "unknown ending"),
    ],
)
def test_a_corpus_that_cannot_be_used_fails_with_the_remedy_and_writes_nothing(tmp_path, name, content, told):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run_seeds(profile_with(tmp_path, f"{tmp_path}/{name}"), tmp_path / "lake", "ga")
    assert not result.success
    assert told in message(result)
    assert not Lake(tmp_path / "lake").exists("seed_documents")


def test_a_truncated_file_keeps_what_could_be_read(tmp_path):
    whole = gzip.compress(b'{"text": "Is ainmhi e an madra agus ta se sona."}\n' * 5000, mtime=0)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    run_seeds(profile_with(tmp_path, f"{tmp_path}/cut.jsonl.gz"), tmp_path / "lake", "ga")
    record = Lake(tmp_path / "lake").current("seed_documents")["ga"]
    assert record.rows > 0
    assert record.facts["funnel"]["rejected"].keys() & {"truncated"}


@needs_ntrex
def test_clean_real_text_is_kept_in_every_language(tmp_path):
    languages = NTREX_LANGUAGES
    result = run_seeds(profile_with(tmp_path, f"{NTREX}/{{language}}.jsonl.zst"), tmp_path / "lake", *languages)
    assert result.success
    lake = Lake(tmp_path / "lake")
    read = {language: record.facts["funnel"]["in"] for language, record in lake.current("seed_documents").items()}
    kept = {
        language: record.facts["funnel"]["kept"] for language, record in lake.current("seed_documents_filtered").items()
    }
    assert {language: kept[language] / read[language] >= 0.97 for language in languages} == dict.fromkeys(
        languages, True
    )


@needs_ntrex
def test_a_crawl_of_many_languages_is_split_by_its_language_column_and_every_line_accounted_for(tmp_path):
    profile = profile_with(tmp_path, f'{NTREX}/mixed.jsonl.zst"\nlanguage_column = "language')
    assert run_seeds(profile, tmp_path / "lake", "de", "ga").success
    for language, record in Lake(tmp_path / "lake").current("seed_documents").items():
        funnel = record.facts["funnel"]
        assert funnel["in"] == funnel["kept"] + sum(funnel["rejected"].values()) == 1223, language
        assert funnel["rejected"]["other_language"] > 0
        assert funnel["rejected"]["bad_json"] > 0


QUALITY = """
[quality]
share = 0.5
training = { dim = 8, buckets = 2000, least_steps = 4000, held_out = 0.25 }

[quality.sources.en]
positives = "news.jsonl"
negatives = "menus.jsonl"
"""


def test_a_language_with_a_quality_model_keeps_its_best_share_and_says_which_model_it_was(tmp_path):
    write_lines(tmp_path / "news.jsonl", news(200))
    write_lines(tmp_path / "menus.jsonl", menus(200))
    profile = write_profile(tmp_path)
    profile.write_text(profile.read_text(encoding="utf-8") + QUALITY, encoding="utf-8")
    result = run_seeds(profile, tmp_path / "lake", "en", "ga")
    assert result.success
    lake = Lake(tmp_path / "lake")
    found = {code: lake.scan("seed_documents_filtered", Partition(LANGUAGE, code)).collect() for code in ("en", "ga")}
    scored = found["en"].explode("metrics").unnest("metrics").filter(rule="quality")
    low = scored["reasons"].list.contains("low_quality").sum()
    assert abs(low / scored.filter(~pl.col("reasons").list.contains("near_duplicate")).height - 0.5) < 0.1
    assert "quality" not in set(found["ga"].explode("metrics").unnest("metrics")["rule"])
    inputs = {v.table: v.content_hash for v in lake.current("seed_documents_filtered")["en"].inputs}
    assert inputs["quality_model"] == lake.current("quality_model")["en"].content_hash
    rows = reason_rows(result.get_asset_materialization_events(), "en")
    assert rows["low_quality"]["documents"] == low


def reason_rows(events, language: str) -> dict[str, dict]:
    """Reason -> its last row in the table of seed_documents_filtered."""
    chosen = next(
        event.step_materialization_data.materialization
        for event in events
        if event.asset_key.to_user_string() == "seed_documents_filtered" and event.partition == language
    )
    return {record.data["reason"]: dict(record.data) for record in chosen.metadata["reasons"].records}


def test_the_ui_shows_histograms_the_reason_table_and_where_thresholds_came_from(tmp_path):
    changed = {"[filters]\n": "[filters]\nthresholds = { words = 5 }\n"}
    result = run_seeds(write_profile(tmp_path, **changed), tmp_path / "lake", "ga")
    identified, filtered = (metadata_of(result, f"seed_documents_{name}") for name in ("identified", "filtered"))
    for shown in (identified, filtered):
        assert shown["histograms"].value.startswith("![")
        assert "(data:image/png;base64," in shown["histograms"].value
    origins = {record.data["threshold"]: record.data["origin"] for record in identified["thresholds"].records}
    assert origins["document_threshold"] == "language registry"
    rules = {record.data["rule"]: dict(record.data) for record in filtered["reasons"].records}
    assert (rules["words"]["threshold"], rules["words"]["origin"]) == (5.0, "settings")
    assert rules["bullet_lines"]["origin"] == "rule set house"
    assert all(row["source"] for row in rules.values())
    reasons = {record.data["reason"]: record.data["documents"] for record in filtered["reasons"].records}
    table = Lake(tmp_path / "lake").scan("seed_documents_filtered").collect()
    for reason, documents in reasons.items():
        assert table["reasons"].list.contains(reason).sum() == documents, reason


def test_a_changed_opt_out_list_makes_the_table_stale_and_takes_effect(tmp_path):
    rows = [{"id": str(n), "text": text, "url": f"https://site{n}.example/p"} for n, text in enumerate(texts("ga", 30))]
    (tmp_path / "ga.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "optout.txt").write_text("site3.example\n", encoding="utf-8")
    profile = profile_with(tmp_path, f"{tmp_path}/ga.jsonl")
    lists = f'[filters]\ncompliance = {{ opt_out = ["{tmp_path}/optout.txt"] }}\n'
    profile.write_text(profile.read_text(encoding="utf-8").replace("[filters]\n", lists), encoding="utf-8")
    lake = tmp_path / "lake"

    def opted_out() -> list[str]:
        assert run_seeds(profile, lake, "ga").success
        found = Lake(lake).scan("seed_documents_filtered").filter(pl.col("reasons").list.contains("opted_out"))
        return found.collect()["source_id"].sort().to_list()

    def noted_and_now() -> tuple[str, str]:
        record = Lake(lake).current("seed_documents_filtered")["ga"]
        noted = next(v.content_hash for v in record.inputs if v.table == "settings:filters")
        return noted, OutsideVersions(Workspace(profile=str(profile), lake=str(lake)))("settings:filters", None)

    assert opted_out() == ["3"]
    assert noted_and_now()[0] == noted_and_now()[1]
    (tmp_path / "optout.txt").write_text("site3.example\nsite11.example\n", encoding="utf-8")
    assert noted_and_now()[0] != noted_and_now()[1]
    assert opted_out() == ["11", "3"]
    record = Lake(lake).current("seed_documents_filtered")["ga"]
    assert [entry["name"] for entry in record.facts["lists"]] == ["optout.txt"]


def test_what_is_read_is_in_the_quarantine_table_or_in_the_documents(tmp_path):
    lines = [json.dumps({"text": text}) for text in texts("ga", 20)] + ["{", "[1]", ""]
    (tmp_path / "ga.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run_seeds(profile_with(tmp_path, f"{tmp_path}/ga.jsonl"), tmp_path / "lake", "ga").success
    lake = Lake(tmp_path / "lake")
    bad = lake.scan("quarantined_lines").collect().sort("line")
    assert bad.select("line", "reason").rows() == [(21, "bad_json"), (22, "not_an_object"), (23, "blank_line")]
    assert lake.scan("seed_documents").collect().height == 20
    quarantine, documents = lake.current("quarantined_lines")["ga"], lake.current("seed_documents")["ga"]
    assert quarantine.inputs == documents.inputs
    assert list((tmp_path / "lake" / "work").iterdir()) == []


def test_a_second_run_over_the_same_corpus_makes_nothing_new(tmp_path):
    profile, lake = write_profile(tmp_path), tmp_path / "lake"
    run_seeds(profile, lake, "ga")
    tables = ("seed_documents", "quarantined_lines", "seed_documents_identified", "seed_documents_filtered")
    before = {table: Lake(lake).current(table) for table in tables}
    run_seeds(profile, lake, "ga")
    assert {table: Lake(lake).current(table) for table in tables} == before
