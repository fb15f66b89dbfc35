"""What a step tells Dagster of one partition."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.outcome import Outcome, by_language

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
