"""What a step tells Dagster of one partition."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.outcome import Outcome, by_language, table_metadata

REASONS = st.lists(st.sampled_from(["too_short", "symbols", "repetition"]), max_size=3)


def filtered(reasons: list[list[str]]) -> pl.DataFrame:
    frame = pl.DataFrame({"reasons": reasons}, schema={"reasons": pl.List(pl.String)})
    return frame.with_columns((pl.col("reasons").list.len() == 0).alias("kept"))


@given(st.lists(REASONS, max_size=30))
def test_a_funnel_adds_up_whatever_was_rejected(reasons):
    told = Outcome(filtered(reasons)).funnel()
    assert told["in"] == told["kept"] + sum(told["rejected"].values()) == len(reasons)


def test_a_row_with_two_reasons_counts_under_its_first():
    assert Outcome(filtered([["symbols", "too_short"]])).funnel()["rejected"] == {"symbols": 1}


def test_lines_that_never_became_rows_are_in_the_funnel():
    told = Outcome(pl.DataFrame({"id": ["a", "b"]}), 5, rejected_before={"bad_json": 3}).funnel()
    assert told == {"in": 5, "kept": 2, "rejected": {"bad_json": 3}}


def test_a_language_without_rows_has_an_empty_outcome():
    frame = pl.DataFrame({"language": ["de", "de"], "id": ["a", "b"]})
    outcomes = by_language(frame, ["de", "ga"], {"de": 2, "ga": 0})
    assert {key: outcome.frame.height for key, outcome in outcomes.items()} == {"de": 2, "ga": 0}
    assert outcomes["ga"].frame.columns == frame.columns


def test_batches_that_go_through_are_counted_on_both_sides():
    batches = [filtered([["symbols"], []]), filtered([]), filtered([[]])]
    outcome = Outcome.through(iter(batches), lambda read: (batch.filter("kept") for batch in read))
    assert [frame.height for frame in outcome.frames()] == [1, 0, 1]
    assert outcome.funnel() == {"in": 3, "kept": 2, "rejected": {}}


def test_a_funnel_is_refused_before_the_rows_are_written():
    with pytest.raises(RuntimeError, match="not written yet"):
        Outcome.through(iter([filtered([[]])]), lambda read: read).funnel()


def test_a_small_table_for_the_ui_shows_nulls_as_nothing_and_text_as_text():
    shown = table_metadata(pl.DataFrame({"reason": ["<b>x</b>", None], "share": [0.123456, None]}))
    assert [dict(record.data) for record in shown.records] == [
        {"reason": "<b>x</b>", "share": 0.1235},
        {"reason": "", "share": ""},
    ]
