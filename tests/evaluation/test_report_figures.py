import json
from dataclasses import replace

import polars as pl
import pytest

from tests.evaluation.made_up import HOSTILE, report_data
from tests.evaluation.made_up_report import SHORT, whole_report_data
from xl_assets.evaluation.report_data import ReportData, as_table
from xl_assets.evaluation.report_figures import result_tables
from xl_assets.evaluation.report_machines import figures_for_machines, headlines_only
from xl_assets.evaluation.report_metadata import report_metadata
from xl_assets.evaluation.report_trust import judge_tables, surrogate
from xl_assets.tables import Judgement, check_table


@pytest.fixture(scope="module")
def whole() -> ReportData:
    return headlines_only(whole_report_data(prompts=12))


def test_tables_are_by_kind_language_and_model_with_the_average_last(whole):
    tables = result_tables(whole)
    assert [table.kind for table in tables] == ["cross_lingual", "same_language"]
    languages = [group["language"] for group in tables[0].groups]
    assert languages[0] == "zh"
    assert languages[-1] == "average"
    assert [row["model"] for row in tables[0].groups[0]["rows"]] == ["base", "fine_tuned", "reference"]


def test_why_a_figure_is_withheld_is_told_once(whole):
    notes = result_tables(whole)[0].notes
    assert [note for note in notes if note.startswith("Maltese, fine-tuned model, win rate: ")]
    assert len(notes) == len(set(notes))


def test_an_average_is_no_headline_where_a_language_is_none(whole):
    averages = whole.model_scores.filter(language="average", kind="cross_lingual", score="difference")
    assert averages["headline"].to_list() == [False]
    assert averages["why"].null_count() == 0


def test_the_figures_for_machines_are_json_and_have_no_withheld_win_rate():
    figures = json.loads(json.dumps(figures_for_machines(whole_report_data(prompts=12)), allow_nan=False))
    assert figures["languages"][SHORT]["win_rate"]["fine_tuned"]["win_rate"] is None
    assert {row["language"] for row in figures["withheld"]} == {SHORT, "average"}
    assert figures["comparison"]["release"] == "r0"
    assert figures["pass_rates"]
    assert figures["surrogate"]["surrogate_holdout_rows"] > 0


def test_the_figures_of_a_release_without_the_newer_tables_are_json():
    assert json.dumps(figures_for_machines(report_data()), allow_nan=False)
    assert json.dumps(figures_for_machines(ReportData("r0", "today")), allow_nan=False)


def test_a_table_of_an_earlier_version_has_nulls_for_columns_that_it_did_not_know(whole):
    old = whole.judgements.drop("reason", "failure", "raw_completion")
    read = check_table(as_table(old, Judgement), Judgement)
    assert read["reason"].null_count() == read.height


def test_judges_figures_come_in_reading_order_with_reasons_for_absent_ones(whole):
    (judge,) = judge_tables(whole)
    names = [figure["name"] for figure in judge["figures"]]
    assert names.index("coverage") < names.index("order consistency") < names.index("cost")
    own = next(figure for figure in judge["figures"] if figure["name"] == "share of its own family")
    assert own["value"] is None
    assert own["reason"]


def test_a_surrogate_that_could_not_learn_says_why(whole):
    nothing = replace(whole, surrogate_scores=whole.surrogate_scores.clear(), surrogate_report={})
    assert surrogate(nothing) is None
    told = replace(nothing, surrogate_report={"surrogate_why_not": "3 judged rows"})
    assert surrogate(told) == {"why_not": "3 judged rows"}


def test_metadata_for_the_ui_has_the_table_and_plots_and_obeys_no_markup(whole):
    shown = report_metadata(replace(whole, earlier=replace(whole.earlier, release=HOSTILE)))
    assert "| German | fine-tuned |" in shown["headline"]
    assert shown["win_rate_plot"].startswith("![Win rate")
    assert "<" not in shown["compared_with"]
    assert report_metadata(ReportData("r0", "today")) == {}


def test_hostile_names_of_models_do_not_break_the_table_of_the_ui(whole):
    hostile = whole.win_rates.with_columns(
        model=pl.when(pl.col("model") == "base").then(pl.lit("a|b](x)<img>")).otherwise("model")
    )
    table = report_metadata(replace(whole, win_rates=hostile, judgements=whole.judgements.clear()))["headline"]
    assert "<img>" not in table
    assert {line.count("|") for line in table.splitlines()[2:]} == {9}
