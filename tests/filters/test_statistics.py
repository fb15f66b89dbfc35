"""What is counted of measured values, and where thresholds are said to come from."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.filters.plots import measures_chart
from xl_assets.filters.statistics import (
    FilterStatistics,
    IdentificationStatistics,
    ValueCounts,
    histogram,
    identification_thresholds,
    rule_table,
    threshold_origins,
)
from xl_assets.languages import REGISTRY_VARIABLE, get_language

METRIC = pl.List(pl.Struct({"rule": pl.String, "value": pl.Float64, "threshold": pl.Float64}))

VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=60)


def measured(values: list[float | None], threshold: float = 0.5) -> pl.DataFrame:
    frame = pl.DataFrame({"measure": "m", "value": values}, schema={"measure": pl.String, "value": pl.Float64})
    return frame.with_columns((pl.col("value") > threshold).fill_null(False).alias("failing"))


def judged(metrics: list[list[tuple[str, float | None, float]]], reasons: list[list[str]]) -> pl.DataFrame:
    structs = [[dict(zip(("rule", "value", "threshold"), entry, strict=True)) for entry in row] for row in metrics]
    return pl.DataFrame(
        {"metrics": structs, "reasons": reasons}, schema={"metrics": METRIC, "reasons": pl.List(pl.String)}
    )


@given(values=VALUES, cut=st.integers(0, 60))
@hypothesis_settings(max_examples=40, deadline=None)
def test_counts_do_not_depend_on_batches_and_none_is_lost(values, cut):
    whole, parts = ValueCounts(), ValueCounts()
    whole.add(measured(values))
    for part in (values[cut:], values[:cut]):
        parts.add(measured(part))
    assert parts.counts.equals(whole.counts)
    assert whole.counts["documents"].sum() == len(values)
    assert whole.counts["failing"].sum() == sum(value is not None and value > 0.5 for value in values)


@given(values=VALUES.filter(lambda values: any(value is not None for value in values)), limit=st.floats(0, 1e5))
@hypothesis_settings(max_examples=40, deadline=None)
def test_every_measured_document_is_in_one_bin_and_the_threshold_within_the_bins(values, limit):
    counted = ValueCounts()
    counted.add(measured(values, limit))
    bins = histogram(counted.counts, {"m": limit})
    assert bins["documents"].sum() == sum(value is not None for value in values)
    low, high = (0, bins["high"].max()) if bins["is_log"][0] else (bins["low"].min(), bins["high"].max())
    assert low <= limit <= high * (1 + 1e-9)


def test_what_is_kept_does_not_grow_with_the_documents():
    counted = ValueCounts()
    for start in range(20):
        rows = pl.int_range(20_000, eager=True)
        counted.add(measured(((rows * 7919 + start) % 99_991 / 99_991).to_list()))
    assert counted.counts["documents"].sum() == 400_000
    assert counted.counts.height < 3_000


def test_a_rule_of_a_set_of_the_language_and_of_the_settings_says_where_its_threshold_is_from():
    settings = FilterSettings(sets=["house", "gopher_quality"], thresholds={"words": 5})
    german = threshold_origins(get_language("de"), settings)
    own = next(iter(get_language("de").thresholds))
    assert (german["words"], german[own], german["bullet_lines"]) == ("settings", "language registry", "rule set house")
    assert any(origin == "rule set gopher_quality" for origin in german.values())


def test_a_language_of_the_users_own_file_is_told_apart(tmp_path, monkeypatch):
    file = tmp_path / "own.toml"
    entry = '[sv]\nname = "Swedish"\nnative_name = "svenska"\nscript = "Latn"\nthresholds = { bullet_lines = 0.5 }\n'
    file.write_text(entry, encoding="utf-8")
    monkeypatch.setenv(REGISTRY_VARIABLE, str(file))
    assert threshold_origins(get_language("sv"), FilterSettings())["bullet_lines"] == "own language file"
    found = identification_thresholds(get_language("sv"), IdentificationSettings(least_line_share=0.9))
    origins = dict(found.select("threshold", "origin").rows())
    assert origins["document_threshold"] == "own language file"
    assert (origins["least_line_share"], origins["least_script_share"]) == ("settings", "default")


def test_the_reason_table_has_every_rule_with_what_failed_and_every_reason():
    statistics = FilterStatistics()
    statistics.add(judged([[("words", 3.0, 20.0)], [("words", 50.0, 20.0)]], [["too_short"], ["opted_out"]]))
    statistics.add(judged([[("words", 19.0, 20.0), ("quality", 0.1, 0.4)], []], [["too_short", "low_quality"], []]))
    table = rule_table(statistics, get_language("en"), FilterSettings(quality={"share": 0.5}))
    rows = {row["rule"] or row["reason"]: row for row in table.rows(named=True)}
    assert (rows["words"]["documents"], rows["words"]["share"], rows["words"]["failing"]) == (2, 0.5, 2)
    assert (rows["words"]["bound"], rows["words"]["threshold"]) == ("least", 20.0)
    assert (rows["quality"]["threshold"], rows["quality"]["documents"]) == (0.4, 1)
    assert rows["opted_out"]["documents"] == 1
    assert {"words_most", "jaccard"} <= rows.keys()
    assert all(row["source"] for row in rows.values() if row["rule"])


def test_identification_counts_what_is_below_each_threshold():
    statistics = IdentificationStatistics("en", IdentificationSettings())
    statistics.add(
        pl.DataFrame({"language_score": [0.1, 0.99, None], "line_share": [1.0] * 3, "script_share": [0.2] * 3})
    )
    failing = dict(statistics.measured.counts.group_by("measure").agg(pl.col("failing").sum()).rows())
    assert failing == {"language_score": 1, "line_share": 0, "script_share": 3}


@pytest.mark.parametrize("values", [[0.1, 0.2], [0.0], [3.0, 70_000.0]])
def test_each_measure_is_a_panel_with_its_threshold(values):
    counted = ValueCounts()
    counted.add(measured(values))
    chart = measures_chart(histogram(counted.counts, {"m": 0.5}), {"m": 0.5}, {"m": "1 fail"}, "Title").to_dict()
    panel = chart["concat"][0]
    assert panel["title"]["text"] == "m"
    assert [layer["mark"]["type"] for layer in panel["layer"]] == ["rect", "rule"]
