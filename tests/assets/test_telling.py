"""What a failed step tells: the remedy, the failed check, and no table."""

import dagster as dg
import pytest

from resources.lake import Lake
from tests.told_step import World, documents, reading
from xl_assets.profile import ProfileError
from xl_assets.release_links import observe_release
from xl_assets.seeds.readers import SeedError
from xl_assets.without_paths import without_paths


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def failure(result: dg.ExecuteInProcessResult):
    return result.get_step_failure_events()[0].step_failure_data


def test_an_expected_error_is_a_failure_page_with_the_remedy_and_keeps_its_cause(world):
    def failing(step, key):
        raise SeedError("corpus/de.jsonl does not exist: put a file there")

    data = failure(world.run(failing))
    assert data.user_failure_data.description == "corpus/de.jsonl does not exist: put a file there"
    told = {name: entry.value for name, entry in data.user_failure_data.metadata.items()}
    assert told["partitions"] == "de, ga"
    assert told["kind"] == "SeedError"
    assert "goes on from there" in told["afterwards"]
    assert data.error.cause.message.strip().endswith("SeedError: corpus/de.jsonl does not exist: put a file there")


def test_an_unexpected_error_stays_what_it_is(world):
    def failing(step, key):
        raise ZeroDivisionError("oh")

    data = failure(world.run(failing))
    assert data.user_failure_data is None
    assert "ZeroDivisionError" in data.error.cause.message


def test_a_broken_contract_is_a_failed_check_and_stores_nothing(world):
    result = world.run(lambda step, key: documents(key, score=0.5 if key == "de" else 7.0))
    assert not result.success
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("contract", False, dg.AssetCheckSeverity.ERROR)
    assert "lid_score" in check.metadata["ga"].value
    assert check.metadata["partitions"].value == "ga"
    assert set(Lake(world.root).current("seed_documents_identified")) == {"de"}


def test_what_was_stored_before_another_partition_failed_is_told(world):
    result = world.run(lambda step, key: documents(key, score=0.5 if key == "de" else 7.0))
    (event,) = result.get_asset_materialization_events()
    made = event.step_materialization_data.materialization
    record = Lake(world.root).current("seed_documents_identified")["de"]
    assert (made.partition, made.metadata["delta_version"].value) == ("de", record.version)
    assert made.tags["dagster/data_version"] == record.content_hash
    assert world.instance.get_materialized_partitions(event.asset_key) == {"de"}


def test_what_cannot_be_told_of_stored_partitions_does_not_hide_why_another_failed(world, monkeypatch):
    def refuse(*given):
        raise OSError("no room")

    monkeypatch.setattr("xl_assets.step.report_partitions", refuse)
    data = failure(world.run(lambda step, key: documents(key, score=0.5 if key == "de" else 7.0)))
    assert "lid_score" in data.user_failure_data.description


def test_a_partition_says_which_finished_releases_name_exactly_its_version(world):
    def in_releases(result) -> list[str]:
        events = result.get_asset_materialization_events()
        found = [event.step_materialization_data.materialization for event in events]
        return [made.metadata["in_releases"].value for made in found if made.partition == "de"]

    assert set(in_releases(world.run())) == {"none yet"}
    record = Lake(world.root).current("seed_documents_identified")["de"]
    manifest = world.root / "reports" / "2026.12" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    entry = f'{{"table": "{record.table}", "partition": "de", "version": {record.version}}}'
    manifest.write_text(f'{{"manifest_hash": "abc", "tables": [{entry}]}}', encoding="utf-8")
    assert set(in_releases(world.run())) == {"2026.12"}
    assert set(in_releases(world.run(lambda step, key: reading(step, key).head(2)))) == {"none yet"}


def test_a_written_manifest_is_observed_on_every_table_version_that_it_names():
    tables = [
        {"table": "seed_documents", "partition": "de", "version": 3},
        {"table": "questions", "partition": None, "version": 1},
    ]
    manifest = {"release": "2026.12", "manifest_hash": "abc", "tables": tables}

    @dg.asset
    def release_manifest(context: dg.AssetExecutionContext):
        observe_release(context, manifest)

    result = dg.materialize([release_manifest], instance=dg.DagsterInstance.ephemeral())
    observed = [e.asset_observation_data.asset_observation for e in result.get_asset_observation_events()]
    assert {(o.asset_key.to_user_string(), o.partition, o.metadata["delta_version"].value) for o in observed} == {
        ("seed_documents", "de", 3), ("questions", None, 1),
    }  # fmt: skip
    assert {o.metadata["manifest"].value for o in observed} == {"reports/2026.12/manifest.json"}


def test_materialisations_carry_columns_and_column_lineage(world):
    event = world.run().get_asset_materialization_events()[-1]
    metadata = event.step_materialization_data.materialization.metadata
    assert "text" in metadata["dagster/column_lineage"].lineage.deps_by_column
    assert metadata["dagster/column_schema"].schema.columns[0].description


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no file '/lake/tables/x': make it", "no file 'tables/x': make it"),
        ("/lakes/other/file.txt is bad", ".../file.txt is bad"),
        (
            "see https://host.example/a/b/c and hf://datasets/o/n",
            "see https://host.example/a/b/c and hf://datasets/o/n",
        ),
        ("a share of 1/2 and and/or", "a share of 1/2 and and/or"),
        (r"C:\Users\me\corpus.jsonl is gone", ".../corpus.jsonl is gone"),
        ("~/corpora/de.jsonl is gone", ".../de.jsonl is gone"),
        ("s3://id:secret@bucket/key?X-Signature=abcdef", "s3://bucket/key"),
    ],
)
def test_a_message_leaves_this_machine_without_its_folders(text, told):
    assert without_paths(text, ["/lake"]) == told


def test_a_message_with_what_looks_like_a_key_is_withheld():
    assert "withheld" in without_paths("the key sk-abcdefghijkl was refused")


def test_errors_of_the_profile_are_expected_ones():
    from xl_assets.telling import is_expected

    assert is_expected(ProfileError("x"))
    assert not is_expected(ValueError("x"))
