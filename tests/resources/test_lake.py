"""The lake: one partition is replaced, the record says what was read, nothing else changes."""

import multiprocessing

import polars as pl
import pytest

from resources.lake import LANGUAGE, Lake, LakeError, Partition, Record, TableVersion

SCHEMA = {"id": pl.String, "language": pl.String, "reasons": pl.List(pl.String)}


def rows(language: str, count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": [f"{language}{n}" for n in range(count)], "language": [language] * count, "reasons": [[]] * count},
        schema=SCHEMA,
    )


def record(language: str, code: str = "c1", inputs: tuple[TableVersion, ...] = ()) -> Record:
    return Record("documents", language, "", 0, code, "run", inputs)


def write(lake: Lake, language: str, count: int, **more) -> Record:
    return lake.overwrite(rows(language, count), record(language, **more), Partition(LANGUAGE, language))


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def test_overwriting_a_partition_leaves_the_others_alone(lake):
    write(lake, "de", 5)
    before = write(lake, "ga", 3)
    write(lake, "de", 2)
    assert lake.scan("documents").collect().group_by("language").len().sort("language").rows() == [("de", 2), ("ga", 3)]
    assert lake.record("documents", Partition(LANGUAGE, "ga")) == before


def test_the_same_work_again_writes_no_new_version(lake):
    first = write(lake, "de", 5)
    assert write(lake, "de", 5) == first
    assert write(lake, "de", 5, code="c2").version > first.version


def test_an_older_version_can_still_be_read(lake):
    first = write(lake, "de", 5)
    write(lake, "de", 1)
    assert lake.scan("documents", Partition(LANGUAGE, "de"), first.version).collect().height == 5


def test_a_record_names_the_inputs_that_were_read(lake):
    inputs = (TableVersion("passages", "de", 7, "abc"),)
    write(lake, "de", 1, inputs=inputs)
    found = lake.record("documents", Partition(LANGUAGE, "de"))
    assert found is not None
    assert found.inputs == inputs


def test_an_empty_partition_has_a_record(lake):
    assert write(lake, "mt", 0).rows == 0
    assert lake.current("documents")["mt"].rows == 0


def test_a_lazy_frame_is_written_like_a_frame(lake):
    eager = write(lake, "de", 4)
    lazy = lake.overwrite(rows("de", 4).lazy(), record("de", "c2"), Partition(LANGUAGE, "de"))
    assert lazy.content_hash == eager.content_hash


def test_other_columns_are_refused_with_the_remedy_and_nothing_is_written(lake):
    first = write(lake, "de", 5)
    with pytest.raises(LakeError, match=r"other columns.*reasons.*XL_LAKE"):
        lake.overwrite(rows("de", 1).drop("reasons"), record("de"), Partition(LANGUAGE, "de"))
    assert lake.record("documents", Partition(LANGUAGE, "de")) == first


def test_rows_of_another_partition_are_refused(lake):
    with pytest.raises(LakeError, match="other partitions"):
        lake.overwrite(rows("ga", 1), record("de"), Partition(LANGUAGE, "de"))


@pytest.mark.parametrize("key", ["a/b", "../x", "", "de' OR 1=1", "*"])
def test_a_key_that_could_be_a_path_or_a_query_is_refused(key):
    with pytest.raises(LakeError, match="partition key"):
        Partition(LANGUAGE, key)


def test_a_missing_table_says_what_to_materialise(lake):
    with pytest.raises(LakeError, match="Materialise the asset questions"):
        lake.scan("questions")


def _write_many(root: str, language: str) -> None:
    for count in range(1, 7):
        write(Lake(root), language, count)


def test_languages_written_at_once_do_not_lose_each_other(tmp_path):
    root, languages = str(tmp_path / "lake"), ["de", "ga", "mt"]
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(root, language)) for language in languages]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    counts = Lake(root).scan("documents").collect().group_by("language").len()
    assert dict(counts.rows()) == dict.fromkeys(languages, 6)


@pytest.mark.parametrize("name", ["my lake", "lac-é", "lake[1]", "a#b"])
def test_a_folder_that_delta_and_polars_spell_differently_is_refused(tmp_path, name):
    with pytest.raises(LakeError, match="plain name"):
        Lake(tmp_path / name)
