"""An export that is imported again gives the same rows, whatever their texts are."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from resources.configured import Workspace
from resources.lake import LANGUAGE, Partition
from tests.release.export.published import NAME, publish
from xl_assets.identity import content_address
from xl_assets.imports import storing
from xl_assets.imports.columns import detect_columns
from xl_assets.imports.contract import ImportSetError
from xl_assets.imports.reading import column_names, read_rows
from xl_assets.imports.registry import import_set, imported_languages, imported_sets
from xl_assets.imports.rows import FileOfSet, RowMaker
from xl_assets.release.export.contract import DefaultRow
from xl_assets.release.export.files import write_rows
from xl_assets.release.export.writing import export_release
from xl_assets.tables import empty_table

NASTY = '\x00\x01\x1b[31m\t\r\n\u2028"\\\'` \u202eRTL\u202c \u0627\u0644\u0639 👩🏽‍🚀 \ufeff\uffff{"a":1} e\u0301'
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda text: text.strip())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
@example([(NASTY, NASTY), (NASTY + "x", "\u0085y\u2029")])
@pytest.mark.parametrize("ending", [".parquet", ".jsonl.zst"])
def test_texts_come_back_as_they_were(tmp_path, ending, pairs):
    frame = made_rows(pairs)
    write_rows(frame.lazy(), DefaultRow, ("row_id",), tmp_path, "de")
    file = tmp_path / f"de{ending}"
    columns = detect_columns(column_names(file, ending), {}, file.name)
    said = FileOfSet("ours", "default", file.name, "de", ("de",), None)
    found = pl.concat(RowMaker("de").rows(read_rows(file, ending, columns, file.name), said))
    kept = found.filter(pl.col("instruction").str.strip_chars() != "", pl.col("response").str.strip_chars() != "")
    assert kept["kept"].all()
    assert (
        found.select("instruction", "response").rows() == frame.sort("row_id").select("instruction", "response").rows()
    )


def made_rows(pairs) -> pl.DataFrame:
    given_rows = pl.DataFrame(pairs, schema=["instruction", "response"], orient="row").with_row_index("n")
    message = [
        pl.struct(pl.lit(role).alias("role"), pl.col(text).alias("content"))
        for role, text in (("user", "instruction"), ("assistant", "response"))
    ]
    filled = given_rows.with_columns(
        content_address("row", "n").alias("row_id"),
        pl.lit("de").alias("language"),
        pl.lit("").alias("directive"),
        pl.concat_list(message).alias("messages"),
        *(pl.lit("x").alias(name) for name in ("pair_id", "candidate_id", "recipe")),
    )
    schema = empty_table(DefaultRow).schema
    return filled.select(
        pl.col(name) if name in filled.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("exported")
    export_release(publish(root / "lake"), NAME, root / "out", with_model=False)
    return root / "out"


def materialise(workspace: Workspace, *languages: str) -> pl.DataFrame:
    import dagster as dg

    from xl_assets.imports.assets import imported_rows
    from xl_assets.partitions import register_languages

    with dg.DagsterInstance.ephemeral() as instance:
        register_languages(instance, list(languages))
        for code in languages:
            dg.materialize([imported_rows], partition_key=code, instance=instance, resources={"workspace": workspace})
    return workspace.tables.scan("imported_rows").collect()


def test_an_export_is_read_back_into_a_fresh_lake(exported, tmp_path):
    workspace = Workspace(profile="demo", lake=str(tmp_path / "fresh"))
    done = import_set(tmp_path / "fresh", exported, "ours")
    assert done.changed == done.set.languages == ("de", "en")
    assert done.found.others == ("bestof3", "scored")
    rows = materialise(workspace, "de", "en", "ga")
    for code in ("de", "en"):
        before = pl.read_parquet(exported / f"data/default/{code}.parquet")
        after = rows.filter(pl.col("language") == code, "kept")
        same = ("instruction", "directive", "response", "license", "source", "url", "quality")
        assert after.sort("source_row_id").select(same).equals(before.sort("row_id").select(same))
        assert after.sort("source_row_id")["source_row_id"].to_list() == before["row_id"].sort().to_list()
    record = workspace.tables.record("imported_rows", Partition(LANGUAGE, "de"))
    assert [(v.table, v.partition) for v in record.inputs] == [("import:ours", "de"), ("language:entry", "de")]
    assert record.facts["funnel"] == {"in": 2, "kept": 2, "rejected": {}}
    empty = workspace.tables.record("imported_rows", Partition(LANGUAGE, "ga"))
    assert (empty.rows, [v.table for v in empty.inputs]) == (0, ["language:entry"])


def test_the_same_bytes_again_change_nothing_and_others_need_a_word(exported, tmp_path):
    first = import_set(tmp_path, exported, "ours")
    entry = tmp_path / "imports/ours/import.json"
    stamp = entry.stat().st_mtime_ns
    assert import_set(tmp_path, exported, "ours").changed == ()
    assert entry.stat().st_mtime_ns == stamp
    other = tmp_path / "de.jsonl"
    other.write_text('{"instruction": "Why?", "response": "Darum."}\n')
    with pytest.raises(ImportSetError, match="--replace"):
        import_set(tmp_path, other, "ours")
    assert imported_sets(tmp_path) == [first.set]
    assert import_set(tmp_path, other, "ours", replace=True).changed == ("de", "en")
    assert imported_languages(tmp_path) == {"de"}


def test_a_changed_file_of_an_export_is_refused(exported, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    rows = pl.read_parquet(copy / "data/default/de.parquet")
    rows.with_columns(pl.lit("forged").alias("response")).write_parquet(copy / "data/default/de.parquet")
    with pytest.raises(ImportSetError, match=r"data/default/de\.parquet is not the file that was exported"):
        import_set(tmp_path / "lake", copy, "ours")
    assert imported_sets(tmp_path / "lake") == []


def test_a_file_of_many_languages_is_shared_out_and_nothing_is_lost(tmp_path):
    said = ("de", "German", "ga", None, "tlh", 7)
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps({"instruction": "Why?", "response": "x", "language": c}) + "\n" for c in said))
    done = import_set(tmp_path, file, "mixed")
    assert done.set.languages == ("de", "ga")
    rows = materialise(Workspace(profile="demo", lake=str(tmp_path)), "de", "ga")
    assert rows.height == len(said)
    assert dict(rows.filter("kept").group_by("language").len().rows()) == {"de": 2, "ga": 1}
    reasons = rows.filter(~pl.col("kept")).sort("line")["reasons"].to_list()
    assert reasons == [["unknown_language"], ["unknown_language"], ["language_not_text"]]


@pytest.mark.parametrize("name", ["../x", "", "a/b", "a b", ".hidden"])
def test_a_name_that_is_no_plain_one_never_becomes_a_folder(tmp_path, name):
    (tmp_path / "de.jsonl").write_text('{"instruction": "Why?", "response": "Darum."}\n')
    with pytest.raises(ImportSetError, match="cannot name an imported set"):
        import_set(tmp_path / "lake", tmp_path / "de.jsonl", name)


def test_a_language_that_nobody_says_must_be_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"instruction": "Why?", "response": "Darum."}\n')
    with pytest.raises(ImportSetError, match="--language"):
        import_set(tmp_path / "lake", file, "x")
    assert import_set(tmp_path / "lake", file, "x", language="de").set.languages == ("de",)


def test_a_copy_that_was_changed_in_the_lake_is_found_and_mended_by_importing_again(tmp_path):
    file, lake = tmp_path / "de.jsonl", tmp_path / "lake"
    file.write_text('{"instruction": "Why?", "response": "Darum."}\n')
    import_set(lake, file, "x")
    (copy,) = lake.glob("imports/x/*.jsonl")
    copy.write_text("{}\n")
    with pytest.raises(Exception, match="import the set again"):
        materialise(Workspace(profile="demo", lake=str(lake)), "de")
    assert import_set(lake, file, "x").changed == ()
    assert copy.read_bytes() == file.read_bytes()
    assert materialise(Workspace(profile="demo", lake=str(lake)), "de")["response"].to_list() == ["Darum."]


def test_a_damaged_entry_is_replaced_where_that_is_asked_for(tmp_path):
    file = tmp_path / "de.jsonl"
    file.write_text('{"instruction": "Why?", "response": "Darum."}\n')
    made = import_set(tmp_path / "lake", file, "x").set
    (tmp_path / "lake/imports/x/import.json").write_text("{")
    with pytest.raises(ImportSetError, match="again with --replace"):
        import_set(tmp_path / "lake", file, "x")
    assert import_set(tmp_path / "lake", file, "x", replace=True).changed == ("de",)
    assert imported_sets(tmp_path / "lake") == [made]


class Killed(BaseException):
    """The end of a process in the middle."""


@pytest.mark.parametrize("step", range(4))
def test_a_set_whose_replacement_is_killed_is_the_old_one_or_the_new_one(tmp_path, monkeypatch, step):
    """Each of the steps that change the lake: two copies, the entry, the removal of what it does not name."""
    old, new, lake = tmp_path / "old.jsonl", tmp_path / "new", tmp_path / "lake"
    old.write_text('{"instruction": "Why?", "response": "Darum.", "language": "de"}\n')
    new.mkdir()
    for code in ("de", "ga"):
        (new / f"{code}.jsonl").write_text(json.dumps({"instruction": "Why?", "response": code}) + "\n")
    before = import_set(lake, old, "x").set
    steps = iter(range(4))

    def counted(do):
        def done(*arguments):
            if next(steps) == step:
                raise Killed
            return do(*arguments)

        return done

    with monkeypatch.context() as patched:
        patched.setattr(storing.os, "replace", counted(storing.os.replace))
        patched.setattr(storing, "_remove_others", counted(storing._remove_others))
        # A killed process cleans nothing up.
        patched.setattr(storing.tempfile.TemporaryDirectory, "cleanup", lambda self: self._finalizer.detach())
        with pytest.raises(Killed):
            import_set(lake, new, "x", replace=True)
    (found,) = imported_sets(lake)
    assert (found == before) == (step < 3)
    rows = materialise(Workspace(profile="demo", lake=str(lake)), "de", "ga")
    assert rows["response"].sort().to_list() == (["Darum."] if step < 3 else ["de", "ga"])
    made = import_set(lake, new, "x", replace=True).set
    assert imported_sets(lake) == [made]
    names = {"import.json", *(file.stored for file in made.files)}
    assert step == 3 or {file.name for file in lake.glob("imports/x/*")} == names
