"""The seed assets as Dagster runs them, on bad input: each a clear error, nothing half done."""

import gzip

import dagster as dg
import pytest

from resources.configured import Workspace
from resources.lake import Lake
from tests.end_to_end.world import write_profile
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
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
