"""Manifest and trace over real Delta tables and the records of their commits."""

from datetime import UTC, datetime

import polars as pl
import pytest

from resources.lake import LANGUAGE, RELEASE, Lake, Partition, Record, TableVersion
from tests.release.lineage_world import TABLES, World, make_world
from tests.release.two_releases import finish, workspace
from xl_assets.release.closure import ManifestError
from xl_assets.release.comparing.difference import compare_releases
from xl_assets.release.frozen import open_release
from xl_assets.release.manifest import build_manifest, manifest_text
from xl_assets.release.origins import source_counts
from xl_assets.release.trace import trace_row


def write_lake(lake: Lake, world: World) -> None:
    """Store every table of the world, each partition made from all that the table before it holds."""
    before: list[TableVersion] = []
    for table in TABLES:
        frame = world.frames[table]
        column = next((c for c in (RELEASE, LANGUAGE) if c in frame.columns), None)
        parts = frame.partition_by(column, as_dict=True) if column else {(None,): frame}
        written = []
        for (key,), rows in sorted(parts.items(), key=str):
            record = Record(table, key, "", 0, "c1", "run-1", tuple(before))
            written.append(lake.overwrite(rows, record, Partition(column, key) if column else None))
        before = [TableVersion(r.table, r.partition, r.version, r.content_hash) for r in written]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("lake"))
    write_lake(made, make_world())
    return made


def manifest_of(lake: Lake) -> dict:
    return build_manifest(
        "r1",
        lake.current("sft_mixture").values(),
        lake.lookup(),
        languages=["de", "en"],
        models=[],
        prompts=[],
        criteria={},
        settings={},
        sources=source_counts(make_world().frames["seed_documents"].lazy()),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        packages={},
        forbidden=[lake.root],
    )


def test_a_row_is_traced_through_delta_tables(lake):
    world = make_world()
    row_id = world.frames["sft_mixture"].filter(pl.col("language") == "de")["row_id"][0]
    found = trace_row(row_id[:10], lambda table: lake.scan(table) if lake.exists(table) else None, world.calls)
    assert found.as_json() == trace_row(row_id, world.tables, world.calls).as_json()


def test_the_manifest_holds_the_record_of_every_partition_in_the_lake(lake):
    manifest = manifest_of(lake)
    there = {(r.table, r.partition, r.version, r.content_hash) for t in TABLES for r in lake.current(t).values()}
    assert {(t["table"], t["partition"], t["version"], t["content_hash"]) for t in manifest["tables"]} == there


def test_later_work_in_the_lake_does_not_change_the_manifest_of_the_release(lake):
    earlier = manifest_text(manifest_of(lake))
    questions = make_world().frames["questions"].head(1)
    lake.overwrite(questions, Record("questions", None, "", 0, "c2", "run-2"), None)
    assert manifest_text(manifest_of(lake)) == earlier


def test_a_record_in_force_stands_in_for_an_older_one_of_its_content_alone(tmp_path):
    made, part = Lake(tmp_path), Partition(LANGUAGE, "de")
    rows = make_world().frames["xl_instruct"].filter(language="de")
    older, newer = (
        made.overwrite(rows, Record("xl_instruct", "de", "", 0, code, "run-1"), part) for code in ("c1", "c2")
    )
    assert newer.version > older.version
    assert made.in_force()("xl_instruct", "de", older.version, older.content_hash) == newer
    assert made.in_force()("xl_instruct", "hu", older.version, older.content_hash) is None
    made.overwrite(rows.head(1), Record("xl_instruct", "de", "", 0, "c2", "run-2"), part)
    assert made.in_force()("xl_instruct", "de", older.version, older.content_hash) is None


def test_a_table_that_was_removed_from_the_lake_is_named(tmp_path):
    made = Lake(tmp_path)
    gone = TableVersion("xl_instruct", "de", 3, "a" * 32)
    rows = make_world().frames["sft_mixture"]
    made.overwrite(rows, Record("sft_mixture", "r1", "", 0, "c1", "run-1", (gone,)), Partition(RELEASE, "r1"))
    with pytest.raises(ManifestError, match=r"version 3 of xl_instruct\[de\]"):
        manifest_of(made)


def test_two_releases_of_one_lake_are_compared_in_the_versions_that_their_manifests_froze(tmp_path):
    world = make_world()
    finish(tmp_path, "a", world)
    row = world.frames["sft_mixture"].filter(language="de").row(0, named=True)
    hit = pl.col("row_id") == row["row_id"]
    checked = world.frames["language_filtered"].with_columns(
        kept=~hit, reasons=pl.when(hit).then(["unsure_language"]).otherwise("reasons")
    )
    fewer = {name: world.frames[name].filter(~hit) for name in ("xl_instruct", "sft_mixture")}
    finish(tmp_path, "b", World({**world.frames, "language_filtered": checked, **fewer}, world.log), code="c2")
    sides = [open_release(workspace(tmp_path), name) for name in ("a", "b")]
    found = compare_releases(*sides)
    assert found.languages.rows() == [("de", 2, 1, 1, 0, 1, 0), ("en", 2, 2, 2, 0, 0, 0)]
    told = found.as_dict()["rows"]
    assert [(r["status"], r["why"], r["stage"], r["reasons"]) for r in told] == [
        ("removed", "filtered", "language_filtered", ["unsure_language"])
    ]
    assert told[0]["one"]["row_id"] == row["row_id"]
    assert {e["table"] for e in found.facts["code"]} == set(TABLES) - {"sft_mixture"}
    step = next(e for e in found.facts["funnel"] if e["table"] == "language_filtered")
    assert (step["partition"], step["one"]["kept"], step["other"]["kept"]) == ("de", 2, 1)
    assert compare_releases(sides[0], sides[0]).is_empty
    assert compare_releases(sides[1], sides[1]).is_empty
