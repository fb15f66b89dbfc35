import polars as pl
import pytest

from resources.configured import Workspace
from resources.lake import Lake
from resources.record import RELEASE, Partition, Record, TableVersion
from tests.assets.evaluation_world import RELEASE_NAME, world
from tests.evaluation.made_up import judgement, judgements
from xl_assets.evaluation.report import render_report
from xl_assets.reporting import earlier_release, report_data


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path)


def write(lake: Lake, release: str, prompts: int = 2, judge: str = "one", preference: float = 1.5) -> Record:
    rows = judgements([judgement(number, release=release, preference=preference) for number in range(prompts)])
    read = (TableVersion("model:judge", None, 0, judge),)
    return lake.overwrite(rows, Record("judgements", release, "", 0, "c1", "run", read), Partition(RELEASE, release))


def found(lake: Lake, record: Record):
    assert record.partition is not None
    rows = lake.scan("judgements", Partition(RELEASE, record.partition), record.version).collect()
    return earlier_release(lake, record.partition, [record], rows)


def test_the_newest_release_before_is_found_and_none_after(lake):
    records = [write(lake, name) for name in ("r1", "r2", "r3")]
    assert [each and each.release for each in (found(lake, record) for record in records)] == [None, "r1", "r2"]


def test_a_release_on_other_prompts_is_passed_over(lake):
    write(lake, "r1")
    write(lake, "r2", prompts=3)
    assert found(lake, write(lake, "r3")).release == "r1"


def test_a_release_that_is_judged_anew_later_is_compared_as_it_was_then(lake):
    write(lake, "r1", preference=1.2)
    record = write(lake, "r2")
    write(lake, "r1", preference=1.9)
    assert found(lake, record).judgements["preference"].to_list() == pytest.approx([1.2, 1.2])


def test_another_judge_is_told(lake):
    write(lake, "r1", judge="one")
    assert found(lake, write(lake, "r2", judge="two")).notes == ("The judge was another model then.",)
    assert found(lake, write(lake, "r3", judge="two")).notes == ()


def test_a_release_made_before_there_were_the_newer_tables_still_has_a_report(tmp_path):
    made = world(tmp_path, count=2)
    workspace = Workspace(profile=str(made.profile), lake=str(made.lake))
    lake = workspace.tables
    inputs = [
        TableVersion(table, RELEASE_NAME, record.version, record.content_hash)
        for table in ("model_responses", "reference_responses")
        if (record := lake.record(table, Partition(RELEASE, RELEASE_NAME)))
    ]
    data = report_data(workspace, RELEASE_NAME, inputs, "today")
    assert data.responses.height == 6
    assert data.earlier is None
    assert "No usable answer" not in (page := render_report(data))
    assert "Der Rotfuchs lebt im Wald" in page


def test_without_judgements_there_is_nothing_to_compare(lake):
    assert earlier_release(lake, "r1", [], pl.DataFrame()) is None
