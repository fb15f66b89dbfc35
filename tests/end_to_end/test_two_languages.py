"""The main job with two target languages on the real engines, once; then what a user does with the result."""

import json

import polars as pl
import pytest

from resources.call_log import CallLog
from resources.lake import LANGUAGE, RELEASE, Lake, Partition
from tests.end_to_end.world import LANGUAGES, write_profile, xl

pytestmark = pytest.mark.engine

RELEASE_NAME = "demo-1"
RUN = ("run", *(part for code in LANGUAGES for part in ("--language", code)))
FILTERING = ("seed_documents_identified", "seed_documents_filtered", "language_filtered", "xl_instruct")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("end_to_end")
    # Few rows, so more passes over them than the demo needs.
    profile, root = write_profile(folder, **{"epochs = 3": "epochs = 12"}), folder / "lake"
    xl(profile, root, *RUN)
    return profile, root


def test_every_table_of_the_main_job_is_there(lake):
    tables = Lake(lake[1])
    for name in ("seed_passages", "xl_instruct", "eval_prompts"):
        assert set(tables.current(name)) == set(LANGUAGES)
    for name in ("questions", "refined_responses", "scored_pairs"):
        assert tables.record(name).rows > 0
    for name in ("sft_model", "win_rates", "language_fidelity", "evaluation_report", "release_manifest"):
        assert tables.record(name, Partition(RELEASE, RELEASE_NAME)).rows > 0


def test_no_filter_loses_a_row_or_counts_one_twice(lake):
    tables = Lake(lake[1])
    for name in FILTERING:
        for language, record in tables.current(name).items():
            funnel = record.facts["funnel"]
            assert funnel["in"] == funnel["kept"] + sum(funnel["rejected"].values()), (name, language)
            frame = tables.scan(name, Partition(LANGUAGE, language)).collect()
            assert frame.height == funnel["in"], (name, language)
            assert frame["kept"].sum() == funnel["kept"], (name, language)


def test_fine_tuning_teaches_the_base_model_to_answer_in_the_requested_language(lake):
    told = json.loads(xl(*lake, "report", "--json").stdout)
    fidelity = told["average"]["language_fidelity"]
    assert fidelity["base"] <= 0.05
    assert fidelity["fine_tuned"] > fidelity["base"] + 0.3
    assert told["steps"]["translation_candidates"]["calls"] > 0


def test_the_adapter_is_safetensors_and_nothing_is_pickled(lake):
    row = Lake(lake[1]).scan("sft_model").collect().row(0, named=True)
    folder = lake[1] / row["adapter_folder"]
    assert (folder / "adapter_model.safetensors").is_file()
    endings = {path.suffix for path in folder.parent.rglob("*") if path.is_file()}
    assert not endings & {".bin", ".pt", ".pkl", ".pth"}


def test_a_training_row_is_traced_to_a_line_of_a_corpus_file(lake):
    row_id = Lake(lake[1]).scan("sft_mixture").filter(pl.col("language") == "ga").head(1).collect()["row_id"][0]
    shown = xl(*lake, "trace", row_id).stdout
    assert "en.jsonl.zst" in shown
    found = json.loads(xl(*lake, "trace", row_id, "--json").stdout)
    assert found


def test_an_unknown_id_is_a_clear_error(lake):
    done = xl(*lake, "trace", "0" * 32, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_report_is_one_page_without_scripts_or_requests(lake):
    page = (lake[1] / "reports" / RELEASE_NAME / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert 'src="http' not in page
    assert RELEASE_NAME in page


def test_the_manifest_names_no_path_of_this_machine(lake):
    text = (lake[1] / "reports" / RELEASE_NAME / "manifest.json").read_text(encoding="utf-8")
    assert str(lake[1]) not in text
    assert json.loads(text)["languages"] == sorted(LANGUAGES)


def test_a_second_run_does_nothing(lake):
    before = Lake(lake[1]).record("xl_instruct", Partition(LANGUAGE, "ga"))
    done = xl(*lake, *RUN)
    assert "Nothing to do" in done.stdout
    assert Lake(lake[1]).record("xl_instruct", Partition(LANGUAGE, "ga")) == before


def test_every_table_is_fresh_afterwards(lake):
    rows = json.loads(xl(*lake, "status", "--json").stdout)
    of_ours = [row for row in rows if row["partition"] in (*LANGUAGES, RELEASE_NAME, None)]
    assert {row["state"] for row in of_ours} == {"fresh"}


def test_a_language_that_was_held_back_runs_only_its_own_calls(lake):
    profile, root = lake
    before = CallLog(str(root / "calls")).scan().collect()
    assert {"question", "refine", "score", "translate"} <= set(before["step"])
    xl(profile, root, "languages", "add", "mt")
    xl(profile, root, "backfill", "--language", "mt")

    log = CallLog(str(root / "calls"))
    added = log.scan().collect().join(before, on=["call_id", "run_id"], how="anti")
    assert set(added["step"]) == {"translate", "translation_quality", "translate_prompt"}
    assert added["messages"].list.last().struct.field("content").str.contains("Maltese").all()
    for run in added["run_id"].unique():
        assert not {"question", "refine", "score"} & set(log.statistics(run_id=run)["step"])
    assert Lake(root).record("xl_instruct", Partition(LANGUAGE, "mt")).rows > 0
    assert "Nothing to do" in xl(profile, root, "backfill", "--all").stdout
