import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.evaluation.judges.coverage import coverage

SCHEMA = {"response_id": pl.String, "outcome": pl.String, "reason": pl.String, "preference": pl.Float64}
JUDGED = ("judged", None, 1.7)
INVALID = ("invalid", "bad_verdict", None)
MISSING = ("missing", "no_response", None)


def rows(*pairs: list[tuple]) -> pl.DataFrame:
    """One list of (outcome, reason, preference) a pair, an entry an order."""
    flat = [(f"r{i}", *entry) for i, pair in enumerate(pairs) for entry in pair]
    return pl.DataFrame(flat, schema=SCHEMA, orient="row")


def test_a_pair_counts_only_where_both_orders_have_a_preference():
    (row,) = coverage(rows([JUDGED, JUDGED], [JUDGED, INVALID], [MISSING, MISSING], [INVALID, MISSING])).to_dicts()
    assert (row["n_total"], row["n_scored"], row["n_invalid"], row["n_missing"]) == (4, 1, 1, 2)
    assert row["reasons"] == [{"reason": "bad_verdict", "n": 2}, {"reason": "no_response", "n": 1}]
    assert row["coverage"] == 0.25
    assert not row["headline"]
    assert "1 of 4 pairs" in row["why_not"]
    assert "2 missing, 1 invalid (bad_verdict 2, no_response 1)" in row["why_not"]


@pytest.mark.parametrize(("lost", "headline"), [(0, True), (7, True), (8, False)])
def test_ninety_nine_percent_is_enough_and_less_is_not(lost, headline):
    pairs = [[JUDGED]] * (700 - lost) + [[INVALID]] * lost
    (row,) = coverage(rows(*pairs)).to_dicts()
    assert (row["headline"], row["why_not"] is None) == (headline, headline)


def test_a_share_just_below_the_limit_does_not_read_as_the_limit():
    pairs = [[JUDGED]] * 98_999 + [[INVALID]] * 1_001
    assert "98.99 %" in coverage(rows(*pairs))["why_not"][0]


def test_groups_are_counted_apart():
    frame = rows([JUDGED], [INVALID], [JUDGED]).with_columns(language=pl.Series(["de", "ga", "de"]))
    assert coverage(frame, by=["language"]).select("language", "n_total", "headline").rows() == [
        ("de", 2, True),
        ("ga", 1, False),
    ]


def test_nothing_judged_is_no_headline():
    (row,) = coverage(rows()).to_dicts()
    assert (row["n_total"], row["coverage"], row["headline"]) == (0, None, False)
    assert row["why_not"] == "nothing was judged"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.sampled_from([JUDGED, INVALID, MISSING]), min_size=1, max_size=2), max_size=12))
def test_every_pair_is_scored_or_missing_or_invalid_whatever_the_order_of_rows(pairs):
    frame = rows(*pairs)
    (row,) = coverage(frame).to_dicts()
    assert row["n_total"] == len(pairs) == row["n_scored"] + row["n_missing"] + row["n_invalid"]
    assert sum(reason["n"] for reason in row["reasons"]) == row["n_missing"] + row["n_invalid"]
    assert coverage(frame.reverse()).equals(coverage(frame))
